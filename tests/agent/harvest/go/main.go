// A program of Go with generated code: it waits until its input ends.
package main

import (
	"fmt"
	"io"
	"os"

	"vethscope.tests/harvest/shop"
)

func main() {
	fmt.Println((&shop.Wanted{Id: "ready"}).GetId())
	_, _ = io.Copy(io.Discard, os.Stdin)
}
