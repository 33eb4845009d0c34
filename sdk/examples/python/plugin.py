"""The wire between Backplane's host and a provider in Python: all that does not
depend on what the provider does. provider.proto says what each part is for."""

import base64, datetime, json, os, sys, threading, time
from concurrent import futures
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, json_format, message_factory

# The published contract, compiled: no generated code is needed.
pool = descriptor_pool.Default()
for _file in descriptor_pb2.FileDescriptorSet.FromString((Path(__file__).parent / "provider.binpb").read_bytes()).file:
    if _file.package == "backplane.provider.v1":
        pool.Add(_file)
_factory = message_factory.MessageFactory(pool)
contract = pool.FindServiceByName("backplane.provider.v1.ProviderService")


def message(name, **fields):
    return _factory.GetPrototype(pool.FindMessageTypeByName(f"backplane.provider.v1.{name}"))(**fields)


class ProviderError(Exception):
    """A failure in the host's vocabulary: the code decides what the host does."""

    def __init__(self, code, text, **fields):
        super().__init__(text)
        self.detail = message("ProviderError", code=code, message=text, **{"source": "plugin", **fields})


class Context:
    """What a call is about, and when it must end."""

    def __init__(self, envelope, endpoint, grpc_context):
        self.model = envelope.model or endpoint.model
        self.credential = (envelope.credential or endpoint.credential).decode()
        limit = envelope.attempt_timeout
        self.deadline = time.monotonic() + limit.seconds + limit.nanos / 1e9 if envelope.HasField("attempt_timeout") else None
        self._left = threading.Event()
        grpc_context.add_callback(self._left.set)

    def sleep(self, seconds):
        """Waits, but not longer than the call may take."""
        left = max(0, self.deadline - time.monotonic()) if self.deadline else seconds
        if self._left.wait(min(seconds, left)):
            raise ProviderError("canceled", "the caller left")
        if left < seconds:
            raise ProviderError("timeout", "the attempt took too long")


class Service:
    """The methods of ProviderService."""

    def __init__(self, manifest, open_endpoint):
        self.manifest, self.open_endpoint = manifest, open_endpoint
        self.limit = manifest.get("limits", {}).get("max_request_bytes", 32 << 20)
        self.endpoints, self.lock, self.running, self.draining = {}, threading.Lock(), 0, False

    def Describe(self, _, __):
        m = json.loads(json.dumps(self.manifest))
        for operation in m["operations"]:
            operation["modes"] = ["MODE_" + mode.upper() for mode in operation["modes"]]
        return message("DescribeResponse", manifest=json_format.ParseDict(m, message("Manifest")))

    def OpenEndpoint(self, request, _):
        answer, known = message("OpenEndpointResponse"), [a["name"] for a in self.manifest["settings"]["attributes"]]
        settings = json.loads(request.settings_json or b"{}")
        for name in settings.keys() - known:
            answer.diagnostics.add(path=name, summary="Unknown setting", detail=f"There are: {', '.join(known)}.")
        old = self.endpoints.get(request.endpoint_id)
        if old and old.revision > request.revision:
            raise ProviderError("conflict", f"endpoint {request.endpoint_id!r} is open with a newer revision")
        if not answer.diagnostics:
            endpoint = self.open_endpoint(settings)
            endpoint.revision, endpoint.model, endpoint.credential = request.revision, request.model, request.credential
            self.endpoints[request.endpoint_id] = endpoint
        return answer

    def CloseEndpoint(self, request, _):
        self.endpoints.pop(request.endpoint_id, None)
        return message("CloseEndpointResponse")

    def TestEndpoint(self, request, _):
        self.find(request.envelope)
        return message("TestEndpointResponse")

    def Health(self, _, __):
        return message("HealthResponse", ready=True, in_flight=self.running)

    def Drain(self, _, __):
        self.draining = True
        return message("DrainResponse")

    def Call(self, request, grpc_context):
        for run, body, context in self.attempt(request, grpc_context, "call"):
            answer = run(body, context)
            meta = message("Meta", model=context.model, usage=counted(answer.get("usage")))
            return message("CallResponse", meta=meta, body=json.dumps(answer).encode())

    def Stream(self, request, grpc_context):
        for run, body, context in self.attempt(request, grpc_context, "stream"):
            finish, started = {}, False
            for chunk in run(body, context, finish):
                if not started:
                    yield message("StreamResponse", started={"meta": {"model": context.model}})
                started, context.deadline = True, None  # it bounds the time up to the first chunk
                yield message("StreamResponse", data={"chunks": [json.dumps(chunk).encode()]})
            end = message("Finished", reason=finish.get("reason"), usage=counted(finish.get("usage")))
            yield message("StreamResponse", finished=end)

    def find(self, envelope):
        endpoint = self.endpoints.get(envelope.endpoint_id)
        if self.draining:
            raise ProviderError("plugin_unavailable", "the plugin is about to end")
        if not endpoint:
            raise ProviderError("not_found", f"endpoint {envelope.endpoint_id!r} is not open")
        if envelope.endpoint_revision > endpoint.revision:
            raise ProviderError("plugin_unavailable", f"endpoint {envelope.endpoint_id!r} is open with an older revision")
        return endpoint

    def attempt(self, request, grpc_context, mode):
        """Yields, once, what a call needs, and counts it as running meanwhile."""
        envelope, endpoint = request.envelope, self.find(request.envelope)
        if not any(o["name"] == envelope.operation and mode in o["modes"] for o in self.manifest["operations"]):
            raise ProviderError("unsupported", f"{envelope.operation} is not offered in the mode {mode}")
        if len(request.body) > self.limit:
            raise ProviderError("too_large", f"the body has {len(request.body)} bytes, the limit is {self.limit}")
        try:
            body = json.loads(request.body)
        except ValueError as err:
            raise ProviderError("invalid_request", f"the body is not valid JSON: {err}", source="caller") from err
        self.count(1)
        try:
            yield getattr(endpoint, f"{mode}_{envelope.operation}"), body, Context(envelope, endpoint, grpc_context)
        finally:
            self.count(-1)

    def count(self, change):
        with self.lock:
            self.running += change


def counted(usage):
    """Turns OpenAI's counts of tokens, as the bodies have them, into the host's."""
    names = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens", "total_tokens": "total_tokens"}
    return message("Usage", **{names[k]: v for k, v in usage.items()}) if usage else None


def fail(err, context):
    """Ends a call with a gRPC status that has a ProviderError as its detail."""
    detail = getattr(err, "detail", None) or message("ProviderError", code="internal", message=str(err), source="plugin")
    if detail.code == "internal":
        print(f"failed: {err!r}", file=sys.stderr)
    code = grpc.StatusCode.UNIMPLEMENTED if detail.code == "unsupported" else grpc.StatusCode.FAILED_PRECONDITION
    packed = any_pb2.Any()
    packed.Pack(detail)
    parts = [(1, code.value[0]), (2, detail.message.encode()), (3, packed.SerializeToString())]  # google.rpc.Status
    context.set_trailing_metadata([("grpc-status-details-bin", b"".join(field(n, value) for n, value in parts))])
    context.abort(code, detail.message)


def field(number, value):
    """Encodes one field of a Protobuf message: an int or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def handler(service, method):
    """Binds a method of the contract to the one of that name."""
    run, request = getattr(service, method.name), _factory.GetPrototype(method.input_type)

    def unary(r, context):
        try:
            return run(r, context)
        except Exception as err:
            fail(err, context)

    def stream(r, context):
        try:
            yield from run(r, context)
        except Exception as err:
            fail(err, context)

    make = grpc.unary_stream_rpc_method_handler if method.name == "Stream" else grpc.unary_unary_rpc_method_handler
    return make(stream if method.name == "Stream" else unary, request.FromString, lambda answer: answer.SerializeToString())


def encryption():
    """Makes a certificate, and credentials that let in only the host."""
    host = os.environ.get("PLUGIN_CLIENT_CERT")
    if not host:
        return None, ""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.utcnow()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(minutes=1)).not_valid_after(now + datetime.timedelta(days=3650))
    cert = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    credentials = grpc.ssl_server_credentials([(private, cert.public_bytes(pem))], host.encode(), require_client_auth=True)
    return credentials, base64.b64encode(cert.public_bytes(serialization.Encoding.DER)).decode().rstrip("=")


def serve(manifest, open_endpoint):
    """Serves a provider: its manifest, and open_endpoint(settings), which returns
    an object with call_OPERATION(body, context) and stream_OPERATION(body,
    context, finish); the latter yields chunks, and fills in finish."""
    manifest = {"sdk": "python-example/0.1.0", "protocols": [1], **manifest}
    if sys.argv[1:] == ["describe"]:
        print(json.dumps(manifest))
        return
    if os.environ.get("BACKPLANE_PLUGIN") != "provider":
        sys.exit(f"{manifest['name']} is a plugin of Backplane: name it in a configuration, and start the host.")
    stdout, sys.stdout = sys.stdout, sys.stderr  # standard output is the host's
    service = Service(manifest, open_endpoint)
    limits = [("grpc.max_receive_message_length", service.limit + (8 << 20)), ("grpc.max_send_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(64), options=limits)
    ended = threading.Event()

    def plain(answer):  # a method without a field worth decoding
        return grpc.unary_unary_rpc_method_handler(answer)

    server.add_generic_rpc_handlers([
        grpc.method_handlers_generic_handler(contract.full_name, {m.name: handler(service, m) for m in contract.methods if hasattr(service, m.name)}),
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": plain(lambda *_: field(1, 1))}),  # SERVING
        grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": plain(lambda *_: ended.set() or b"")}),
    ])
    socket = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "plugin.sock")
    credentials, certificate = encryption()
    server.add_secure_port("unix:" + socket, credentials) if credentials else server.add_insecure_port("unix:" + socket)
    server.start()
    print(f"1|1|unix|{socket}|grpc|{certificate}", file=stdout, flush=True)
    lifeline = int(os.environ.get("BACKPLANE_LIFELINE_FD", 0))
    if lifeline > 2:
        threading.Thread(target=lambda: os.read(lifeline, 1) or ended.set(), daemon=True).start()
    ended.wait()
    server.stop(0.1).wait()
    Path(socket).unlink(missing_ok=True)
    os._exit(0)  # whatever a call is waiting for
