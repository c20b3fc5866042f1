// Go's own peers for the tests: net/http and grpc-go, both over clear text.
//
//	gopeers serve PORT       answers HTTP/2, by prior knowledge and by Upgrade: h2c
//	gopeers get PORT N M     N exchanges of net/http, M at once
//	gopeers grpc PORT        answers gRPC
//	gopeers call PORT N M    N unary calls, M at once, then a stream of both sides
//
// What was asked comes back backwards; a client that gets anything else ends with an error.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
)

type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(data)
	return nil
}
func (raw) Name() string { return "proto" }

func backwards(data []byte) []byte {
	turned := bytes.Clone(data)
	slices.Reverse(turned)
	return turned
}

func body(number int) []byte {
	return []byte(fmt.Sprintf(`{"n": %d, "x": "%s"}`, number, strings.Repeat("go", number*37%1500)))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[2])
	must(err)
	return listener
}

// serve answers with a 103 before, and a trailer behind the body.
func serve() {
	answer := func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.Header().Set("Link", "</early>")
		if r.ProtoMajor == 2 {
			w.WriteHeader(http.StatusEarlyHints)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Id", r.Header.Get("X-Id"))
		w.Header().Set("Trailer", "X-Length")
		w.WriteHeader(http.StatusOK)
		if len(asked) == 0 {
			asked = []byte(fmt.Sprintf("%q", r.URL.Path))
		}
		_, _ = w.Write(backwards(asked))
		w.(http.Flusher).Flush() // no length: clients wait for the trailer
		w.Header().Set("X-Length", strconv.Itoa(len(asked)))
	}
	must(http.Serve(listen(), h2c.NewHandler(http.HandlerFunc(answer), &http2.Server{})))
}

func get(port string, count, atOnce int) {
	transport := &http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	}
	client := &http.Client{Transport: transport}
	each(count, atOnce, func(number int) {
		url := fmt.Sprintf("http://127.0.0.1:%s/go/%d", port, number)
		asked := body(number)
		request, err := http.NewRequest("POST", url, bytes.NewReader(asked))
		must(err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Id", strconv.Itoa(number))
		response, err := client.Do(request)
		must(err)
		got, err := io.ReadAll(response.Body)
		must(err)
		if !bytes.Equal(got, backwards(asked)) {
			log.Fatalf("%d: a wrong answer", number)
		}
		response.Body.Close()
	})
}

// each calls f with 0, 1, … count-1: the first alone, then so many at once.
func each(count, atOnce int, f func(int)) {
	f(0)
	var group sync.WaitGroup
	numbers := make(chan int)
	for range atOnce {
		group.Go(func() {
			for number := range numbers {
				f(number)
			}
		})
	}
	for number := 1; number < count; number++ {
		numbers <- number
	}
	close(numbers)
	group.Wait()
}

func serveGRPC() {
	echo := func(_ any, stream grpc.ServerStream) error {
		told, _ := metadata.FromIncomingContext(stream.Context())
		stream.SetTrailer(metadata.Pairs("x-id", strings.Join(told.Get("x-id"), ",")))
		for {
			var message []byte
			if err := stream.RecvMsg(&message); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			answer := backwards(message)
			if err := stream.SendMsg(&answer); err != nil {
				return err
			}
		}
	}
	server := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(echo))
	must(server.Serve(listen()))
}

func call(port string, count, atOnce int) {
	encoding.RegisterCodec(raw{})
	connection, err := grpc.NewClient("127.0.0.1:"+port,
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	each(count, atOnce, func(number int) {
		ctx := metadata.AppendToOutgoingContext(context.Background(), "x-id", strconv.Itoa(number))
		var options []grpc.CallOption
		if number%3 == 0 {
			options = append(options, grpc.UseCompressor(gzip.Name))
		}
		asked := body(number)
		var answer []byte
		must(connection.Invoke(ctx, "/go.Orders/Get", &asked, &answer, options...))
		if !bytes.Equal(answer, backwards(asked)) {
			log.Fatalf("%d: a wrong answer", number)
		}
	})
	ctx := metadata.AppendToOutgoingContext(context.Background(), "x-id", "stream")
	both := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream, err := connection.NewStream(ctx, both, "/go.Orders/Talk")
	must(err)
	for number := range 20 {
		asked := body(number)
		must(stream.SendMsg(&asked))
		var answer []byte
		must(stream.RecvMsg(&answer))
	}
	must(stream.CloseSend())
	var last []byte
	if err := stream.RecvMsg(&last); err != io.EOF {
		log.Fatal(err)
	}
	must(connection.Close())
}

func number(place int) int {
	value, err := strconv.Atoi(os.Args[place])
	must(err)
	return value
}

func main() {
	switch os.Args[1] {
	case "serve":
		serve()
	case "get":
		get(os.Args[2], number(3), number(4))
	case "grpc":
		serveGRPC()
	case "call":
		call(os.Args[2], number(3), number(4))
	}
}
