import static io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING;
import static io.grpc.MethodDescriptor.MethodType.UNARY;

import io.grpc.CallOptions;
import io.grpc.ClientInterceptors;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * gRPC's library for Java as peers, which say what those of Python do (calling.py).
 *
 * <p>{@code serve PORT} answers a message with it twice, backwards, and has the services of
 * health and of reflection. {@code call PORT COUNT} makes COUNT unary calls at once, then
 * streams of all three kinds; {@code ask PORT} calls both services by generated code. A
 * client that gets a wrong answer ends with an error.
 */
public class Calling {
  static final String SERVICE = "shop.Orders";
  static final int KINDS = 3;
  static final int STREAMED = 10;
  static final Metadata.Key<String> ID =
      Metadata.Key.of("x-id", Metadata.ASCII_STRING_MARSHALLER);

  /** Messages are what they are sent as. */
  static final MethodDescriptor.Marshaller<byte[]> BYTES =
      new MethodDescriptor.Marshaller<>() {
        @Override
        public InputStream stream(byte[] message) {
          return new ByteArrayInputStream(message);
        }

        @Override
        public byte[] parse(InputStream stream) {
          try {
            return stream.readAllBytes();
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
        }
      };

  static final MethodDescriptor<byte[], byte[]> GET = method(UNARY, "Get");
  static final MethodDescriptor<byte[], byte[]> TALK = method(BIDI_STREAMING, "Talk");

  public static void main(String[] words) throws Exception {
    int port = Integer.parseInt(words[1]);
    switch (words[0]) {
      case "serve" -> serve(port);
      case "call" -> call(connect(port), Integer.parseInt(words[2]));
      case "ask" -> ask(connect(port));
      default -> throw new IllegalArgumentException(words[0]);
    }
  }

  static MethodDescriptor<byte[], byte[]> method(MethodDescriptor.MethodType kind, String name) {
    String path = MethodDescriptor.generateFullMethodName(SERVICE, name);
    return MethodDescriptor.newBuilder(BYTES, BYTES).setType(kind).setFullMethodName(path).build();
  }

  static byte[] answer(byte[] message) {
    byte[] twice = new byte[message.length * 2];
    for (int place = 0; place < twice.length; place++) {
      twice[place] = message[message.length - 1 - place % message.length];
    }
    return twice;
  }

  static void serve(int port) throws Exception {
    var orders =
        ServerServiceDefinition.builder(SERVICE)
            .addMethod(GET, ServerCalls.asyncUnaryCall((asked, answers) -> {
              compress(answers);
              answers.onNext(answer(asked));
              answers.onCompleted();
            }))
            .addMethod(TALK, ServerCalls.asyncBidiStreamingCall(answers -> {
              compress(answers);
              return new Each(answers);
            }))
            .build();
    var address = new InetSocketAddress("127.0.0.1", port);
    NettyServerBuilder.forAddress(address, InsecureServerCredentials.create())
        .addService(orders)
        .addService(new HealthStatusManager().getHealthService())
        .addService(ProtoReflectionServiceV1.newInstance())
        .intercept(new Told())
        .build()
        .start()
        .awaitTermination();
  }

  static void compress(StreamObserver<byte[]> answers) {
    ((ServerCallStreamObserver<byte[]>) answers).setCompression("gzip");
  }

  /** Answers each message of a stream. */
  record Each(StreamObserver<byte[]> answers) implements StreamObserver<byte[]> {
    @Override
    public void onNext(byte[] asked) {
      answers.onNext(answer(asked));
    }

    @Override
    public void onError(Throwable error) {}

    @Override
    public void onCompleted() {
      answers.onCompleted();
    }
  }

  /** Gives the caller's own metadata back. */
  static class Told implements ServerInterceptor {
    @Override
    public <A, B> ServerCall.Listener<A> interceptCall(
        ServerCall<A, B> call, Metadata told, ServerCallHandler<A, B> next) {
      return next.startCall(
          new SimpleForwardingServerCall<>(call) {
            @Override
            public void close(Status status, Metadata trailers) {
              if (told.containsKey(ID)) {
                trailers.put(ID, told.get(ID));
              }
              super.close(status, trailers);
            }
          },
          told);
    }
  }

  static ManagedChannel connect(int port) {
    return Grpc.newChannelBuilder("127.0.0.1:" + port, InsecureChannelCredentials.create()).build();
  }

  static void call(ManagedChannel channel, int count) throws Exception {
    List<byte[]> asked = new ArrayList<>();
    List<Future<byte[]>> calls = new ArrayList<>();
    for (int number = 0; number < count; number++) {
      byte[] message = new byte[number * 37 % 3000 + 4];
      Arrays.fill(message, (byte) (65 + number % 26));
      message[0] = (byte) number;
      asked.add(message);
    }
    for (int number = 0; number < count; number++) {
      CallOptions options = CallOptions.DEFAULT;
      if (number % 3 != 0) {
        options = options.withCompression("gzip");
      }
      var one = MetadataUtils.newAttachHeadersInterceptor(told("" + number));
      var call = ClientInterceptors.intercept(channel, one).newCall(GET, options);
      calls.add(ClientCalls.futureUnaryCall(call, asked.get(number)));
    }
    for (int number = 0; number < count; number++) {
      check(Arrays.equals(calls.get(number).get(30, TimeUnit.SECONDS), answer(asked.get(number))));
    }
    for (int kind = 0; kind < KINDS; kind++) {
      talk(channel, asked.subList(0, kind == 0 ? 1 : STREAMED), told("stream " + kind));
    }
    channel.shutdown().awaitTermination(10, TimeUnit.SECONDS);
  }

  static void talk(ManagedChannel channel, List<byte[]> asked, Metadata told) throws Exception {
    var one = MetadataUtils.newAttachHeadersInterceptor(told);
    var call = ClientInterceptors.intercept(channel, one).newCall(TALK, CallOptions.DEFAULT);
    var got = new Collected<byte[]>();
    var sent = ClientCalls.asyncBidiStreamingCall(call, got);
    asked.forEach(sent::onNext);
    sent.onCompleted();
    List<byte[]> answers = got.all();
    check(answers.size() == asked.size());
    for (int place = 0; place < asked.size(); place++) {
      check(Arrays.equals(answers.get(place), answer(asked.get(place))));
    }
  }

  static void ask(ManagedChannel channel) throws Exception {
    var health = HealthGrpc.newBlockingStub(channel);
    var status = health.check(HealthCheckRequest.getDefaultInstance()).getStatus();
    check(status == HealthCheckResponse.ServingStatus.SERVING);
    var got = new Collected<ServerReflectionResponse>();
    var sent = ServerReflectionGrpc.newStub(channel).serverReflectionInfo(got);
    sent.onNext(ServerReflectionRequest.newBuilder().setListServices("").build());
    sent.onNext(
        ServerReflectionRequest.newBuilder()
            .setFileContainingSymbol(HealthGrpc.SERVICE_NAME)
            .build());
    sent.onCompleted();
    var answers = got.all();
    check(answers.size() == 2 && answers.get(1).hasFileDescriptorResponse());
    channel.shutdown().awaitTermination(10, TimeUnit.SECONDS);
  }

  /** All that a stream answers. */
  static class Collected<T> implements StreamObserver<T> {
    private final List<T> got = new ArrayList<>();
    private final CompletableFuture<List<T>> done = new CompletableFuture<>();

    List<T> all() throws Exception {
      return done.get(30, TimeUnit.SECONDS);
    }

    @Override
    public void onNext(T answer) {
      got.add(answer);
    }

    @Override
    public void onError(Throwable error) {
      done.completeExceptionally(error);
    }

    @Override
    public void onCompleted() {
      done.complete(got);
    }
  }

  static Metadata told(String id) {
    var metadata = new Metadata();
    metadata.put(ID, id);
    return metadata;
  }

  static void check(boolean isRight) {
    if (!isRight) {
      throw new AssertionError("a wrong answer");
    }
  }
}
