import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startHost } from './host.mjs';
import { vector } from './upstream.mjs';

let host;
before(async () => { host = await startHost(); });
after(() => host?.stop());

test('embeddings without encoding_format, which the client asks for as base64, have their numbers', async () => {
  const answer = await host.client().embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] });
  assert.equal(host.upstream.requests.at(-1).body.encoding_format, 'base64');
  assert.deepEqual(answer.data.map((d) => d.embedding), [vector, vector]);
  assert.equal(answer.usage.total_tokens, 2);
});

test('embeddings as floats have the same numbers', async () => {
  const answer = await host.client().embeddings.create({
    model: 'text-embedding-3-small', input: 'a', encoding_format: 'float',
  });
  assert.deepEqual(answer.data[0].embedding, vector);
});

test('embeddings of the echo plugin are the same in both formats and every time', async () => {
  const client = host.client();
  const first = await client.embeddings.create({ model: 'echo', input: 'hello', dimensions: 8 });
  const again = await client.embeddings.create({ model: 'echo', input: 'hello', dimensions: 8 });
  const floats = await client.embeddings.create({ model: 'echo', input: 'hello', dimensions: 8, encoding_format: 'float' });
  const [numbers] = first.data.map((d) => d.embedding);
  assert.equal(numbers.length, 8);
  assert.ok(numbers.some((n) => n !== 0), 'all numbers are zero');
  assert.deepEqual(again.data[0].embedding, numbers);
  floats.data[0].embedding.forEach((n, i) => assert.ok(Math.abs(n - numbers[i]) < 1e-6));
});

test('the list of models holds those of all endpoints', async () => {
  const ids = [];
  for await (const model of host.client().models.list()) {
    assert.equal(model.object, 'model');
    ids.push(model.id);
  }
  for (const want of ['echo', 'gpt-4o-mini']) assert.ok(ids.includes(want), `no ${want} in ${ids}`);
});
