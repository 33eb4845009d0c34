import assert from 'node:assert/strict';
import OpenAI, { toFile } from 'openai';
import { all, eachError, raised, run } from './run.mjs';

const client = (url) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-test', maxRetries: 0 });
const ask = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }] };
const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: {} } } }];

await run({
  async chat(url) {
    const openai = client(url);
    const answer = await openai.chat.completions.create(ask);
    assert.ok(answer.choices[0].message.content && answer.choices[0].finish_reason && answer.usage.total_tokens > 0);
    const stream = openai.chat.completions.stream({ ...ask, stream_options: { include_usage: true } });
    assert.ok((await stream.finalMessage()).content);
    assert.ok((await stream.totalUsage()).total_tokens > 0);
    const calls = (await openai.chat.completions.stream({ ...ask, tools }).finalMessage()).tool_calls;
    assert.ok(calls.length > 0);
    for (const call of calls) assert.equal(typeof JSON.parse(call.function.arguments), 'object');
    const parts = await all(openai.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'a', stream: true }));
    assert.ok(parts.map((part) => part.choices[0]?.text ?? '').join(''));
  },

  async responses(url) {
    const openai = client(url);
    const request = { model: 'gpt-4o-mini', input: 'hello' };
    assert.ok((await openai.responses.create(request)).output_text);
    const final = await openai.responses.stream(request).finalResponse();
    assert.equal(final.status, 'completed');
  },

  async others(url) {
    const openai = client(url);
    const { data } = await openai.embeddings.create({ model: 'text-embedding-3-small', input: 'a' });
    assert.ok(data[0].embedding.length > 0 && data[0].embedding.every(Number.isFinite));
    assert.equal(typeof (await openai.moderations.create({ input: 'a' })).results[0].flagged, 'boolean');
    assert.ok((await openai.images.generate({ model: 'gpt-image-1', prompt: 'a' })).data.length > 0);
    const file = await toFile(Buffer.from('RIFF'), 'a.wav', { type: 'audio/wav' });
    assert.ok((await openai.audio.transcriptions.create({ model: 'whisper-1', file })).text);
    assert.ok((await openai.audio.translations.create({ model: 'whisper-1', file })).text);
    const speech = await openai.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'a' });
    assert.ok((await speech.arrayBuffer()).byteLength > 0);
    assert.ok((await all(openai.models.list())).every((m) => m.object === 'model'));
  },

  async stored(url) {
    const openai = client(url);
    const file = await toFile(Buffer.from('{}\n'), 'a.jsonl', { type: 'application/jsonl' });
    assert.ok((await openai.files.create({ file, purpose: 'batch' })).id);
    assert.ok((await openai.files.retrieve('file-1')).id);
    assert.ok((await (await openai.files.content('file-1')).text()).includes('custom_id'));
    assert.equal((await openai.files.delete('file-1')).deleted, true);
    const batch = { input_file_id: 'file-1', endpoint: '/v1/chat/completions', completion_window: '24h' };
    assert.ok((await openai.batches.create(batch)).status);
    assert.ok((await openai.batches.cancel('batch_1')).id);
    const page = await openai.files.list();
    assert.ok(page.data.length > 0);
    assert.ok((await openai.batches.list()).data.length > 0);
  },

  /** The conformance kit's service, which says back what it was told. */
  async kit(url) {
    const openai = client(url);
    const answer = await openai.chat.completions.create(ask);
    assert.equal(answer.choices[0].message.content, 'hello');
    assert.equal(answer.usage.total_tokens, 5);
    const stream = openai.chat.completions.stream({ ...ask, stream_options: { include_usage: true } });
    assert.equal((await stream.finalMessage()).content, 'hello');
    assert.equal((await stream.totalUsage()).total_tokens, 5);
    const parts = await all(openai.completions.create({ model: 'm', prompt: 'a b', stream: true }));
    assert.equal(parts.map((part) => part.choices[0]?.text ?? '').join(''), 'a b');
    assert.ok((await openai.responses.create({ model: 'm', input: 'a' })).output_text);
    const events = await all(openai.responses.create({ model: 'm', input: 'a', stream: true }));
    assert.equal(events.at(-1).type, 'response.completed');
    assert.deepEqual((await openai.embeddings.create({ model: 'm', input: 'a' })).data[0].embedding, [0.5, -0.5]);
    assert.ok((await all(openai.models.list())).length > 0);
    assert.equal((await openai.moderations.create({ input: 'a' })).results[0].flagged, false);
    assert.ok((await openai.images.generate({ prompt: 'a' })).data[0].b64_json);
  },

  async errors(url) {
    await eachError(url, async (row, at) => {
      const error = await raised(client(at).chat.completions.create(ask));
      assert.ok(error instanceof OpenAI.APIError, `${error?.constructor?.name}: ${error?.message}`);
      assert.equal(error.status, row.status);
      if (row.body?.error?.code) assert.equal(error.code, row.body.error.code);
      if (row.body?.error?.type) assert.equal(error.type, row.body.error.type);
    });
  },
});
