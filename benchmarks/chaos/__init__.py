"""Parts of the line killed, frozen and away: what was sent against what was stored."""
