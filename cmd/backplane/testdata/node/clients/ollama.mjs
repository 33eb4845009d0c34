import assert from 'node:assert/strict';
import { Ollama } from 'ollama';
import { all, eachError, raised, run } from './run.mjs';

const client = (host) => new Ollama({ host });
const ask = { model: 'm', messages: [{ role: 'user', content: 'one two three' }] };

await run({
  async everything(url) {
    const ollama = client(url);
    const answer = await ollama.chat(ask);
    assert.equal(answer.message.content, 'one two three');
    assert.ok(answer.done && answer.done_reason === 'stop' && answer.eval_count === 2);

    const parts = await all(ollama.chat({ ...ask, stream: true, think: false, options: { temperature: 0 } }));
    assert.equal(parts.map((part) => part.message.content).join(''), 'one two three');
    assert.ok(parts.length > 2 && parts.at(-1).done && parts.at(-1).prompt_eval_count === 3);

    assert.equal((await ollama.generate({ model: 'm', prompt: 'a b' })).response, 'a b');
    const said = await all(ollama.generate({ model: 'm', prompt: 'a b', stream: true }));
    assert.equal(said.map((part) => part.response).join(''), 'a b');

    assert.deepEqual((await ollama.embed({ model: 'm', input: 'a' })).embeddings, [[0.5, -0.5]]);
    assert.equal((await ollama.list()).models[0].name, 'm:latest');
    assert.equal((await ollama.ps()).models[0].model, 'm:latest');
    assert.equal((await ollama.show({ model: 'm' })).details.family, 'llama');
    assert.equal((await ollama.version()).version, '0.24.0');
    assert.equal((await ollama.copy({ source: 'a', destination: 'b' })).status, 'success');
    assert.equal((await ollama.delete({ model: 'm' })).status, 'success');
    assert.equal((await ollama.pull({ model: 'm' })).status, 'success');
    const progress = await all(ollama.pull({ model: 'm', stream: true }));
    assert.ok(progress.some((part) => part.completed === 40 && part.total === 100));
  },

  async errors(url) {
    await eachError(url, async (row, at) => {
      const error = await raised(client(at).chat(ask));
      assert.equal(error.name, 'ResponseError', `${error?.constructor?.name}: ${error?.message}`);
      assert.equal(error.status_code, row.status);
      if (typeof row.body?.error === 'string') assert.equal(error.message, row.body.error);
    });
  },

  async midway(url) {
    const error = await raised(all(client(url).chat({ ...ask, stream: true })));
    assert.match(error.message, /llama runner process has terminated/);
  },
});
