'use strict';
// The wire between Backplane's host and a provider in Node: all that does not
// depend on what the provider does. provider.proto says what each part is for.

const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');
const selfsigned = require('selfsigned');

const contract = path.join(__dirname, 'provider.proto');
const MiB = 1 << 20;
const options = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true };
const { ProviderService } = grpc.loadPackageDefinition(loader.loadSync(contract, options)).backplane.provider.v1;
const errorType = new protobuf.Root().loadSync(contract, { keepCase: true }).lookupType('backplane.provider.v1.ProviderError');
const statusType = protobuf.parse(`syntax = "proto3"; import "google/protobuf/any.proto";
  message Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; } // google.rpc.Status
`).root.addJSON(protobuf.common['google/protobuf/any.proto'].nested).lookupType('Status');

/** A failure in the host's vocabulary: the code decides what the host does. */
class ProviderError extends Error {
  constructor(code, message, fields = {}) {
    super(message);
    this.detail = { code, message, source: 'plugin', ...fields };
  }
}

/** Serves a provider: its manifest, and open(settings, {model, credential}),
 * which returns an endpoint {call: {operation: async (body, context) => answer},
 * stream: {operation: async function* (body, context)}}. A stream yields chunks
 * and returns {reason, usage}. */
async function serve(manifest, open) {
  manifest = { sdk: 'node-example/0.1.0', protocols: [1], ...manifest };
  if (process.argv[2] === 'describe') return console.log(JSON.stringify(manifest));
  if (process.env.BACKPLANE_PLUGIN !== 'provider') {
    console.error(`${manifest.name} is a plugin of Backplane: name it in a configuration, and start the host.`);
    process.exit(1);
  }
  globalThis.console = new console.Console(process.stderr); // standard output is the host's
  const service = new Service(manifest, open);
  const server = new grpc.Server({ 'grpc.max_receive_message_length': service.limit + 8 * MiB, 'grpc.max_send_message_length': -1 });
  const socket = path.join(process.env.PLUGIN_UNIX_SOCKET_DIR, 'plugin.sock');
  const end = (code) => {
    server.forceShutdown();
    fs.rmSync(socket, { force: true });
    process.exit(code);
  };
  server.addService(ProviderService.service, service.methods());
  // Two services without a field worth decoding: field 1, status, is 1, SERVING.
  server.addService({ Check: plain('/grpc.health.v1.Health/Check') }, { Check: (_, reply) => reply(null, Buffer.from([8, 1])) });
  server.addService({ Shutdown: plain('/plugin.GRPCController/Shutdown') }, {
    Shutdown: (_, reply) => { reply(null, Buffer.alloc(0)); setTimeout(end, 50, 0); },
  });
  const { credentials, certificate } = await encryption(process.env.PLUGIN_CLIENT_CERT);
  server.bindAsync(`unix:${socket}`, credentials, (err) => {
    if (err) throw err;
    process.stdout.write(`1|1|unix|${socket}|grpc|${certificate}\n`);
  });
  const lifeline = Number(process.env.BACKPLANE_LIFELINE_FD);
  if (lifeline > 2) new net.Socket({ fd: lifeline, readable: true, writable: false }).resume().on('close', () => end(1));
}

// encryption lets in only the host whose certificate it is.
async function encryption(hostCertificate) {
  if (!hostCertificate) return { credentials: grpc.ServerCredentials.createInsecure(), certificate: '' };
  const name = [{ name: 'commonName', value: 'localhost' }];
  const own = await selfsigned.generate(name, { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' });
  const pair = { private_key: Buffer.from(own.private), cert_chain: Buffer.from(own.cert) };
  const base64 = own.cert.replace(/-----[A-Z ]+-----|\s|=/g, '');
  return { credentials: grpc.ServerCredentials.createSsl(Buffer.from(hostCertificate), [pair], true), certificate: base64 };
}

const same = (bytes) => bytes;
const plain = (path) => ({
  path, requestStream: false, responseStream: false,
  requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
});

class Service {
  endpoints = new Map();
  running = 0;
  draining = false;

  constructor(manifest, open) {
    Object.assign(this, { manifest, open, limit: manifest.limits?.max_request_bytes || 32 * MiB });
  }

  methods() {
    const unary = (f) => (call, reply) => Promise.resolve(call).then(f).then((answer) => reply(null, answer), (err) => reply(failure(err)));
    return {
      Describe: unary(() => ({ manifest: onWire(this.manifest) })),
      OpenEndpoint: unary(({ request }) => ({ diagnostics: this.openEndpoint(request) })),
      CloseEndpoint: unary(({ request }) => { this.endpoints.delete(request.endpoint_id); return {}; }),
      TestEndpoint: unary(({ request }) => { this.find(request.envelope); return {}; }),
      Health: unary(() => ({ ready: true, in_flight: this.running })),
      Drain: unary(() => { this.draining = true; return {}; }),
      Call: unary((call) => this.attempt(call, 'call', async (run, body, context) => {
        const answer = await run(body, context);
        return { meta: { model: context.model, usage: counted(answer.usage) }, body: Buffer.from(JSON.stringify(answer)) };
      })),
      Stream: (call) => this.attempt(call, 'stream', (run, body, context) => pump(call, run(body, context), context))
        .then(() => call.end(), (err) => call.emit('error', failure(err))),
    };
  }

  openEndpoint({ endpoint_id: id, revision, model, credential, settings_json: json }) {
    const known = this.manifest.settings?.attributes.map((a) => a.name) ?? [];
    const settings = JSON.parse(json.length ? json : '{}');
    const unknown = Object.keys(settings).filter((name) => !known.includes(name));
    if (unknown.length) return unknown.map((path) => ({ path, summary: 'Unknown setting', detail: `There are: ${known.join(', ')}.` }));
    if (this.endpoints.get(id)?.revision > revision) throw new ProviderError('conflict', `endpoint "${id}" is open with a newer revision`);
    this.endpoints.set(id, { revision, model, ...this.open(settings, { model, credential: credential.toString() }) });
    return [];
  }

  find({ endpoint_id: id, endpoint_revision: revision }) {
    const endpoint = this.endpoints.get(id);
    if (this.draining) throw new ProviderError('plugin_unavailable', 'the plugin is about to end');
    if (!endpoint) throw new ProviderError('not_found', `endpoint "${id}" is not open`);
    if (revision > endpoint.revision) throw new ProviderError('plugin_unavailable', `endpoint "${id}" is open with an older revision`);
    return endpoint;
  }

  // attempt runs one call or stream until its end, its time limit or its caller's.
  async attempt(call, mode, work) {
    const { envelope, body } = call.request;
    const endpoint = this.find(envelope);
    const declared = this.manifest.operations.find((o) => o.name === envelope.operation)?.modes.includes(mode);
    if (!declared) throw new ProviderError('unsupported', `${envelope.operation} is not offered in the mode ${mode}`);
    if (body.length > this.limit) throw new ProviderError('too_large', `the body has ${body.length} bytes, the limit is ${this.limit}`);
    const stop = new AbortController();
    const context = { signal: stop.signal, model: envelope.model || endpoint.model, credential: envelope.credential.toString() };
    call.on('cancelled', () => stop.abort(new ProviderError('canceled', 'the caller left')));
    const limit = envelope.attempt_timeout;
    const timeout = () => stop.abort(new ProviderError('timeout', 'the attempt took too long'));
    context.timer = limit && setTimeout(timeout, limit.seconds * 1000 + limit.nanos / 1e6);
    this.running++;
    try {
      return await work(endpoint[mode][envelope.operation], parse(body), context);
    } catch (err) {
      throw stop.signal.aborted ? stop.signal.reason : err;
    } finally {
      this.running--;
      clearTimeout(context.timer);
    }
  }
}

// pump sends what a stream yields, an object a chunk, and then what it returns.
async function pump(call, chunks, { model, signal, timer }) {
  for (let first = true; ; first = false) {
    const { value, done } = await chunks.next();
    signal.throwIfAborted();
    if (first) call.write({ started: { meta: { model } } });
    clearTimeout(timer); // it bounds the time up to the first chunk
    if (done) return call.write({ finished: { reason: value?.reason, usage: counted(value?.usage) } });
    const room = call.write({ data: { chunks: [Buffer.from(JSON.stringify(value))] } });
    if (!room) await once(call, 'drain', { signal });
  }
}

// counted turns OpenAI's counts of tokens, as the bodies have them, into the host's.
const counted = (u) => u && { input_tokens: u.prompt_tokens, output_tokens: u.completion_tokens, total_tokens: u.total_tokens };

function parse(body) {
  try {
    return JSON.parse(body);
  } catch (err) {
    throw new ProviderError('invalid_request', `the body is not valid JSON: ${err.message}`, { source: 'caller' });
  }
}

// onWire turns the manifest that describe prints into the message.
function onWire(m) {
  const value = (v) => v !== undefined && { [`${typeof v === 'boolean' ? 'bool' : typeof v}Value`]: v };
  const attributes = m.settings?.attributes.map((a) => ({ ...a, default: value(a.default) || undefined }));
  const operations = m.operations.map((o) => ({ ...o, modes: o.modes.map((mode) => `MODE_${mode.toUpperCase()}`) }));
  return { ...m, operations, settings: { attributes } };
}

// failure makes a gRPC status with a ProviderError as its detail.
function failure(err) {
  if (!err.detail) console.error(err);
  const detail = err.detail ?? { code: 'internal', message: String(err.message), source: 'plugin' };
  const any = { type_url: `type.googleapis.com/${errorType.fullName.slice(1)}`, value: errorType.encode(detail).finish() };
  const { CANCELLED, UNIMPLEMENTED, FAILED_PRECONDITION } = grpc.status; // for peers that do not read the detail
  const code = { canceled: CANCELLED, unsupported: UNIMPLEMENTED }[detail.code] ?? FAILED_PRECONDITION;
  const metadata = new grpc.Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(statusType.encode({ code, message: detail.message, details: [any] }).finish()));
  return { code, details: detail.message, metadata };
}

module.exports = { serve, ProviderError };
