// A fake of OpenAI's API: it answers by fixed rules, chosen by the model's name,
// and remembers what it was asked.
import http from 'node:http';
import { performance } from 'node:perf_hooks';

/** Starts the fake on a free port. */
export async function startUpstream() {
  const upstream = { requests: [], closed: [] };
  const server = http.createServer((req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
      const raw = Buffer.concat(parts);
      const isJSON = req.headers['content-type']?.startsWith('application/json');
      const body = isJSON && raw.length > 0 ? JSON.parse(raw) : raw.toString('latin1');
      upstream.requests.push({ method: req.method, path: req.url, headers: req.headers, body });
      answer(upstream, req, res, body);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  upstream.url = `http://127.0.0.1:${server.address().port}/v1`;
  upstream.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return upstream;
}

function answer(upstream, req, res, body) {
  if (req.url === '/v1/models') return json(res, 200, { object: 'list', data: models });
  if (req.url === '/v1/embeddings') return embeddings(res, body);
  if (req.url === '/v1/audio/speech') return bytes(res, 'audio/mpeg', sound);
  if (req.url === '/v1/audio/transcriptions') return json(res, 200, { text: body.length > 0 ? 'heard' : 'nothing' });
  if (req.url === '/v1/completions') return json(res, 200, textCompletion(body));
  if (req.url !== '/v1/chat/completions') return fail(res, 404, 'invalid_request_error', 'unknown_url', `no ${req.url}`);
  const refusal = refusals[body.model];
  if (refusal) return fail(res, ...refusal);
  if (body.stream) return stream(upstream, res, body);
  return json(res, 200, completion(body));
}

/** Every byte there is, so that none is lost to a character set. */
export const sound = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 256));

function bytes(res, type, data) {
  res.writeHead(200, { 'content-type': type });
  res.end(data);
}

function textCompletion(body) {
  return {
    id: 'cmpl-1', object: 'text_completion', created: 1700000000, model: body.model, usage,
    choices: [{ index: 0, text: ` after ${body.prompt}`, logprobs: null, finish_reason: 'stop' }],
  };
}

const models = [
  { id: 'gpt-4o-mini', object: 'model', created: 1721172741, owned_by: 'system' },
  { id: 'text-embedding-3-small', object: 'model', created: 1705948997, owned_by: 'system' },
];

const refusals = {
  'gpt-bad': [400, 'invalid_request_error', 'invalid_value', 'no such voice'],
  'gpt-key': [401, 'invalid_request_error', 'invalid_api_key', 'incorrect API key provided'],
  'gpt-gone': [404, 'invalid_request_error', 'model_not_found', 'the model does not exist'],
  'gpt-busy': [429, 'requests', 'rate_limit_exceeded', 'rate limit reached', { 'retry-after': '7' }],
  'gpt-down': [500, 'server_error', null, 'the server had an error'],
};

function fail(res, status, type, code, message, headers = {}) {
  json(res, status, { error: { message, type, param: null, code } }, headers);
}

function json(res, status, object, headers = {}) {
  res.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_fake', ...headers });
  res.end(JSON.stringify(object));
}

const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
const toolCall = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Ulm"}' } };

function completion(body) {
  const message = body.tools
    ? { role: 'assistant', content: null, refusal: null, tool_calls: [toolCall] }
    : { role: 'assistant', content: 'Hello from upstream', refusal: null };
  const finish_reason = body.tools ? 'tool_calls' : 'stop';
  return {
    id: 'chatcmpl-1', object: 'chat.completion', created: 1700000000, model: `${body.model}-2024-07-18`,
    choices: [{ index: 0, message, logprobs: null, finish_reason }], usage, system_fingerprint: 'fp_fake',
  };
}

function stream(upstream, res, body) {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (object) => res.write(`data: ${JSON.stringify(object)}\n\n`);
  const chunk = (delta, finish_reason = null) => send({
    id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1700000000, model: body.model,
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
  });
  chunk({ role: 'assistant', content: '' });
  switch (body.model) {
    case 'gpt-endless': {
      const timer = setInterval(() => chunk({ content: 'tick ' }), 5);
      res.on('close', () => {
        clearInterval(timer);
        upstream.closed.push(performance.now());
      });
      return;
    }
    case 'gpt-breaks':
      chunk({ content: 'half ' });
      return setTimeout(() => {
        send({ error: { message: 'the model fell over', type: 'server_error', param: null, code: null } });
        res.end();
      }, 20);
    case 'gpt-cut':
      chunk({ content: 'half ' });
      return setTimeout(() => res.destroy(), 20);
  }
  if (body.tools) {
    chunk({ tool_calls: [{ index: 0, ...toolCall, function: { name: 'weather', arguments: '' } }] });
    for (const part of ['{"city"', ':"Ulm"}']) chunk({ tool_calls: [{ index: 0, function: { arguments: part } }] });
    chunk({}, 'tool_calls');
  } else {
    for (const word of ['Hello ', 'from ', 'upstream']) chunk({ content: word });
    chunk({}, 'stop');
  }
  if (body.stream_options?.include_usage) {
    send({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1700000000, model: body.model, choices: [], usage });
  }
  res.write('data: [DONE]\n\n');
  res.end();
}

export const vector = [0.5, -0.25, 0.125];

function embeddings(res, body) {
  const inputs = Array.isArray(body.input) ? body.input : [body.input];
  const embedding = body.encoding_format === 'base64'
    ? Buffer.from(new Float32Array(vector).buffer).toString('base64')
    : vector;
  json(res, 200, {
    object: 'list', model: body.model, usage: { prompt_tokens: 2, total_tokens: 2 },
    data: inputs.map((_, index) => ({ object: 'embedding', index, embedding })),
  });
}
