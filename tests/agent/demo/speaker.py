"""A child for the tests of `agent.demo.process`: repeats what it hears, or is silent.

`python -m tests.agent.demo.speaker PARENT`; "sleep" makes it deaf, "die" ends it.
"""

import json
import sys
import time


def main() -> None:
    for line in sys.stdin:
        word = json.loads(line)
        if word == "die":
            return
        if word == "sleep":
            time.sleep(60)
        print(json.dumps({"heard": word}), flush=True)
    print(json.dumps({"finished": True}), flush=True)


if __name__ == "__main__":
    main()
