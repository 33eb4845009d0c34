import assert from 'node:assert/strict';
import Groq, { toFile } from 'groq-sdk';
import { all, eachError, raised, run } from './run.mjs';

const client = (baseURL) => new Groq({ baseURL, apiKey: 'gsk_test', maxRetries: 0 });
const ask = { model: 'qwen/qwen3-32b', messages: [{ role: 'user', content: 'hello' }] };
const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: {} } } }];

await run({
  async everything(url) {
    const groq = client(url);
    const { data, response } = await groq.chat.completions.create(ask).withResponse();
    assert.equal(data.choices[0].message.content, 'Hello!');
    assert.equal(data.choices[0].message.reasoning, 'They greet.');
    assert.equal(data.usage.total_tokens, 12);
    assert.equal(data.x_groq.id, 'req_groq');
    assert.equal(response.headers.get('x-ratelimit-remaining-tokens'), '17997');

    const chunks = await all(groq.chat.completions.create({ ...ask, tools, stream: true }));
    const calls = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    assert.deepEqual(calls.map((call) => [call.index, call.function.name]), [[0, 'get_weather'], [1, 'get_time']]);
    assert.equal(chunks.at(-1).x_groq.usage.total_tokens, 12);

    const file = await toFile(Buffer.from('RIFF'), 'a.wav', { type: 'audio/wav' });
    assert.equal((await groq.audio.transcriptions.create({ model: 'whisper-large-v3', file })).text, 'Hello.');
    assert.equal((await groq.audio.translations.create({ model: 'whisper-large-v3', file })).text, 'Hello.');
    const speech = await groq.audio.speech.create({ model: 'playai-tts', voice: 'Fritz-PlayAI', input: 'hello', response_format: 'wav' });
    assert.ok(Buffer.from(await speech.arrayBuffer()).toString('latin1').startsWith('RIFF'));
    assert.equal((await groq.models.list()).data[0].id, 'openai/gpt-oss-20b');
    assert.equal((await groq.models.retrieve('openai/gpt-oss-20b')).id, 'openai/gpt-oss-20b');
  },

  async errors(url) {
    await eachError(url, async (row, at) => {
      const error = await raised(client(at).chat.completions.create(ask));
      assert.ok(error instanceof Groq.APIError, `${error?.constructor?.name}: ${error?.message}`);
      assert.equal(error.status, row.status);
      if (row.body?.error?.message) assert.ok(error.message.includes(row.body.error.message.slice(0, 40)), error.message);
      if (row.headers?.['Retry-After']) assert.equal(error.headers.get('retry-after'), row.headers['Retry-After']);
    });
  },
});
