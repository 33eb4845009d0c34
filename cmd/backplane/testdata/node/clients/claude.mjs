import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { all, eachError, raised, run } from './run.mjs';

const model = 'claude-test';
const client = (baseURL) => new Anthropic({ baseURL, apiKey: 'sk-ant-test', maxRetries: 0 });
const ask = { model, max_tokens: 64, messages: [{ role: 'user', content: 'hello' }] };
const tools = [{ name: 'weather', input_schema: { type: 'object', properties: { city: { type: 'string' } } } }];
const thinking = { type: 'enabled', budget_tokens: 1024 };

/** The answer as a whole and put together from a stream. */
async function twice(url, request) {
  const anthropic = client(url);
  return [await anthropic.messages.create(request), await anthropic.messages.stream(request).finalMessage()];
}

await run({
  async message(url) {
    for (const message of await twice(url, ask)) {
      assert.equal(message.role, 'assistant');
      assert.ok(message.content.some((block) => block.type === 'text' && block.text.includes('Hello')), JSON.stringify(message));
      assert.equal(message.stop_reason, 'end_turn');
      assert.ok(message.usage.output_tokens > 0 && message.usage.input_tokens > 0);
    }
  },

  async tools(url) {
    for (const message of await twice(url, { ...ask, max_tokens: 2048, tools, thinking })) {
      assert.equal(message.stop_reason, 'tool_use');
      const calls = message.content.filter((block) => block.type === 'tool_use');
      assert.ok(calls.length >= 2);
      for (const call of calls) assert.ok(call.id && call.name && typeof call.input === 'object', JSON.stringify(call));
      assert.equal(calls[0].input.city, 'Paris');
      const thought = message.content.find((block) => block.type === 'thinking');
      assert.ok(thought.thinking && thought.signature);
    }
  },

  async foreign(url) {
    for (const message of await twice(url, ask)) {
      assert.ok(message.content.some((block) => block.type === 'server_tool_use'), JSON.stringify(message));
    }
  },

  async counts(url) {
    const { input_tokens } = await client(url).messages.countTokens({ model, messages: ask.messages });
    assert.equal(input_tokens, 42);
  },

  async models(url) {
    const models = await all(client(url).models.list());
    assert.ok(models.length >= 2, 'the second page was not read');
    for (const m of models) assert.ok(m.id && m.display_name && m.type === 'model');
  },

  async errors(url) {
    await eachError(url, async (row, at) => {
      for (const stream of [false, true]) {
        const error = await raised(client(at).messages.create({ ...ask, stream }));
        assert.ok(error instanceof Anthropic.APIError, error?.constructor?.name);
        assert.equal(error.status, row.status);
        if (row.body?.error?.type) assert.equal(error.type, row.body.error.type);
        if (row.headers?.['request-id']) assert.equal(error.requestID, row.headers['request-id']);
      }
    });
  },

  async midway(url) {
    const error = await raised(all(client(url).messages.create({ ...ask, stream: true })));
    assert.ok(error instanceof Anthropic.APIError, `${error?.constructor?.name}: ${error?.message}`);
    assert.match(error.message, /overloaded/i);
  },
});
