import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startHost } from './host.mjs';

let host;
before(async () => { host = await startHost(); });
after(() => host?.stop());

const ask = (model, more = {}) => ({ model, messages: [{ role: 'user', content: 'hello there' }], ...more });
const tools = [{
  type: 'function',
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
}];

/** Reads a stream to its end: text, finish reason, usage, tool calls. */
async function collect(stream) {
  const all = { text: '', finish: null, usage: null, calls: [], chunks: 0 };
  for await (const chunk of stream) {
    all.chunks++;
    if (chunk.usage) all.usage = chunk.usage;
    for (const choice of chunk.choices) {
      all.text += choice.delta.content ?? '';
      all.finish = choice.finish_reason ?? all.finish;
      for (const piece of choice.delta.tool_calls ?? []) {
        const call = (all.calls[piece.index] ??= { name: '', args: '' });
        call.name += piece.function?.name ?? '';
        call.args += piece.function?.arguments ?? '';
      }
    }
  }
  return all;
}

test('a chat through the echo plugin answers the words of the prompt', async () => {
  const { data, response } = await host.client().chat.completions.create(ask('echo')).withResponse();
  assert.equal(data.choices[0].message.content, 'hello there');
  assert.equal(data.choices[0].message.refusal, null);
  assert.equal(data.choices[0].finish_reason, 'stop');
  assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
  assert.equal(response.headers.get('x-backplane-endpoint'), 'echo');
  assert.equal(response.headers.get('x-backplane-attempts'), '1');
  assert.match(response.headers.get('server-timing'), /queue;dur=.*provider;dur=/);
  assert.ok(data._request_id, 'the client found no x-request-id');
});

test('a chat through the openai plugin reaches upstream with the key of the endpoint', async () => {
  const answer = await host.client().chat.completions.create(ask('gpt-4o-mini', { seed: 7, unknown_field: { deep: [1] } }));
  assert.equal(answer.choices[0].message.content, 'Hello from upstream');
  assert.equal(answer.model, 'gpt-4o-mini-2024-07-18');
  assert.equal(answer.system_fingerprint, 'fp_fake');
  const sent = host.upstream.requests.at(-1);
  assert.equal(sent.headers.authorization, 'Bearer key-of-the-endpoint');
  assert.deepEqual(sent.body.unknown_field, { deep: [1] });
  assert.equal(sent.body.seed, 7);
});

for (const [model, text] of [['echo', 'hello there'], ['gpt-4o-mini', 'Hello from upstream']]) {
  test(`a stream of ${model} yields its text in pieces`, async () => {
    const all = await collect(await host.client().chat.completions.create(ask(model, { stream: true })));
    assert.equal(all.text, text);
    assert.equal(all.finish, 'stop');
    assert.equal(all.usage, null, 'usage was not asked for');
    assert.ok(all.chunks > 2, `${all.chunks} chunks`);
  });

  test(`a stream of ${model} with include_usage ends with usage`, async () => {
    const options = { stream: true, stream_options: { include_usage: true } };
    const all = await collect(await host.client().chat.completions.create(ask(model, options)));
    assert.equal(all.text, text);
    assert.ok(all.usage.total_tokens > 0);
  });
}

test('a tool call arrives whole', async () => {
  const answer = await host.client().chat.completions.create(ask('gpt-4o-mini', { tools }));
  const [choice] = answer.choices;
  assert.equal(choice.finish_reason, 'tool_calls');
  assert.equal(choice.message.content, null);
  assert.deepEqual(JSON.parse(choice.message.tool_calls[0].function.arguments), { city: 'Ulm' });
});

test('a streamed tool call can be put together', async () => {
  const all = await collect(await host.client().chat.completions.create(ask('gpt-4o-mini', { tools, stream: true })));
  assert.equal(all.finish, 'tool_calls');
  assert.deepEqual(all.calls, [{ name: 'weather', args: '{"city":"Ulm"}' }]);
});

test("the client's own stream helper accumulates chunks and tool calls", async () => {
  const stream = host.client().chat.completions.stream(ask('gpt-4o-mini', { tools }));
  const message = await stream.finalMessage();
  assert.equal(message.tool_calls[0].function.arguments, '{"city":"Ulm"}');
});
