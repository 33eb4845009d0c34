import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { startHost } from './host.mjs';

let host;
before(async () => { host = await startHost(); });
after(() => host?.stop());

const messages = [{ role: 'user', content: 'one two three four' }];
const ask = (model, more = {}) => host.client().chat.completions.create({ model, messages, ...more });

/** Expects a typed error of the client. */
async function raises(promise, type, status) {
  const error = await promise.then(() => assert.fail('no error'), (e) => e);
  assert.ok(error instanceof type, `${error?.constructor?.name}: ${error?.message}`);
  assert.equal(error.status, status);
  assert.ok(error.requestID, 'no request id');
  return error;
}

test('a field of a wrong type raises BadRequestError that names the field', async () => {
  const error = await raises(ask('echo', { messages: 'not a list' }), OpenAI.BadRequestError, 400);
  assert.equal(error.type, 'invalid_request_error');
  assert.match(error.message, /messages/);
});

test("upstream's 400 raises BadRequestError with upstream's code", async () => {
  const error = await raises(ask('gpt-bad'), OpenAI.BadRequestError, 400);
  assert.equal(error.code, 'invalid_value');
});

test("upstream's 401 raises AuthenticationError and hides the key", async () => {
  const error = await raises(ask('gpt-key'), OpenAI.AuthenticationError, 401);
  assert.ok(!error.message.includes('key-of-the-endpoint'));
});

test('an unknown model raises NotFoundError with the nearest name', async () => {
  const error = await raises(ask('ehco'), OpenAI.NotFoundError, 404);
  assert.equal(error.code, 'model_not_found');
  assert.equal(error.param, 'model');
  assert.match(error.message, /"echo"/);
});

test("upstream's 404 raises NotFoundError", async () => {
  await raises(ask('gpt-gone'), OpenAI.NotFoundError, 404);
});

test("upstream's 429 raises RateLimitError with Retry-After", async () => {
  const error = await raises(ask('gpt-busy'), OpenAI.RateLimitError, 429);
  assert.equal(error.code, 'rate_limit_exceeded');
  assert.ok(Number(error.headers.get('retry-after')) >= 6, error.headers.get('retry-after'));
});

test("the echo plugin's 429 raises RateLimitError with Retry-After", async () => {
  const error = await raises(ask('echo-busy'), OpenAI.RateLimitError, 429);
  assert.ok(Number(error.headers.get('retry-after')) >= 2, error.headers.get('retry-after'));
});

test("upstream's 500 raises InternalServerError", async () => {
  await raises(ask('gpt-down'), OpenAI.InternalServerError, 502);
});

test('an error before the first chunk of a stream raises the typed error too', async () => {
  await raises(ask('gpt-bad', { stream: true }), OpenAI.BadRequestError, 400);
});

for (const [model, part] of [['gpt-breaks', 'half '], ['gpt-cut', 'half '], ['echo-breaks', 'one two']]) {
  test(`a stream of ${model} that fails midway raises APIError after its text`, async () => {
    let text = '';
    const read = async () => {
      for await (const chunk of await ask(model, { stream: true })) text += chunk.choices[0]?.delta?.content ?? '';
    };
    const error = await read().then(() => assert.fail('no error'), (e) => e);
    assert.ok(error instanceof OpenAI.APIError, `${error?.constructor?.name}: ${error?.message}`);
    assert.equal(text.trim(), part.trim());
  });
}

test('an aborted stream closes the connection upstream within 100 ms', async () => {
  const closed = host.upstream.closed.length;
  const stream = await ask('gpt-endless', { stream: true });
  let chunks = 0;
  let aborted = 0;
  for await (const _ of stream) {
    if (++chunks < 5) continue;
    aborted = performance.now();
    stream.controller.abort();
    break;
  }
  const deadline = performance.now() + 5_000;
  while (host.upstream.closed.length === closed && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.equal(host.upstream.closed.length, closed + 1, 'the connection stayed open');
  const took = host.upstream.closed.at(-1) - aborted;
  assert.ok(took < 100, `it took ${took.toFixed(1)} ms`);
});
