import assert from 'node:assert/strict';
import { ApiError, GoogleGenAI, Type } from '@google/genai';
import { all, eachError, raised, run } from './run.mjs';

const model = 'gemini-2.5-flash';
const models = (baseUrl) => new GoogleGenAI({ apiKey: 'AIzaSyTest', apiVersion: 'v1beta', httpOptions: { baseUrl } }).models;
const ask = { model, contents: 'hello' };
const parameters = { type: Type.OBJECT, properties: { city: { type: Type.STRING } } };
const functionDeclarations = [{ name: 'weather', description: 'the weather of a city', parameters }];

await run({
  async chat(url) {
    const answer = await models(url).generateContent({
      ...ask,
      config: { systemInstruction: 'be brief', temperature: 0, thinkingConfig: { includeThoughts: true } },
    });
    const parts = answer.candidates[0].content.parts;
    assert.ok(parts.some((part) => part.thought) && parts.some((part) => part.thoughtSignature));
    assert.equal(answer.text, 'Hello there.');
    assert.equal(answer.candidates[0].finishReason, 'STOP');
    assert.equal(answer.usageMetadata.cachedContentTokenCount, 4);
    assert.equal(answer.responseId, 'resp-7');
  },

  async stream(url) {
    const chunks = await all(models(url).generateContentStream(ask));
    assert.equal(chunks.map((chunk) => chunk.text ?? '').join(''), 'Hello there.');
    assert.equal(chunks.at(-1).candidates[0].finishReason, 'STOP');
    assert.equal(chunks.at(-1).usageMetadata.totalTokenCount, 17);
  },

  async tools(url) {
    const answer = await models(url).generateContent({ ...ask, config: { tools: [{ functionDeclarations }] } });
    assert.ok(answer.functionCalls.length > 0 && answer.functionCalls.every((call) => call.name));
  },

  async streamedTools(url) {
    const chunks = await all(models(url).generateContentStream({ ...ask, config: { tools: [{ functionDeclarations }] } }));
    const calls = chunks.flatMap((chunk) => chunk.functionCalls ?? []);
    assert.deepEqual(calls.map((call) => [call.name, call.args]), [['weather', { city: 'Bern' }], ['now', {}], ['then', { z: 1 }]]);
  },

  async embeddings(url) {
    const answer = await models(url).embedContent({ model: 'text-embedding-004', contents: ['a', 'b'], config: { outputDimensionality: 2 } });
    assert.deepEqual(answer.embeddings.map((e) => e.values), [[0.5, -0.25], [1, 2]]);
  },

  async tokens(url) {
    const answer = await models(url).countTokens(ask);
    assert.equal(answer.totalTokens, 31);
  },

  async saidBack(url) {
    assert.equal((await models(url).generateContent(ask)).text, 'hello');
    const chunks = await all(models(url).generateContentStream({ ...ask, contents: 'one two' }));
    assert.equal(chunks.map((chunk) => chunk.text ?? '').join(''), 'one two');
    assert.ok((await all(models(url).list())).some((m) => m.name === 'models/gemini-2.5-flash'));
  },

  async errors(url) {
    await eachError(url, async (row, at) => {
      const error = await raised(models(at).generateContent(ask));
      assert.ok(error instanceof ApiError, `${error?.constructor?.name}: ${error?.message}`);
      assert.equal(error.status, row.status);
      if (row.body?.error?.message) assert.ok(error.message.includes(JSON.stringify(row.body.error.message).slice(1, -1)), error.message);
    });
  },
});
