import assert from 'node:assert/strict';
import { InferenceClient } from '@huggingface/inference';
import { all, run } from './run.mjs';

const client = (url) => new InferenceClient('hf_test').endpoint(url);
const messages = [{ role: 'user', content: 'hello' }];

await run({
  async generation(url) {
    const tgi = client(url);
    const chat = await tgi.chatCompletion({ messages, max_tokens: 8 });
    assert.equal(chat.choices[0].message.tool_calls[0].function.name, 'get_weather');
    const chunks = await all(tgi.chatCompletionStream({ messages, max_tokens: 8 }));
    const calls = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    assert.equal(calls.map((call) => call.function.arguments).join(''), '{"city":"Ulm"}');

    const text = await tgi.textGeneration({ inputs: 'this is a', parameters: { max_new_tokens: 3 } });
    assert.equal(text.generated_text, ' there'); // the client asks for a completion
    const parts = await all(tgi.textGenerationStream({ inputs: 'this is a', parameters: { max_new_tokens: 3 } }));
    assert.equal(parts.map((part) => part.choices[0].text).join(''), ' there');
  },

  async embeddings(url) {
    assert.deepEqual(await client(`${url}/embed`).featureExtraction({ inputs: ['a', 'b'] }), [[0, 0.25], [1, 0.25]]);
    const inputs = { source_sentence: 'a', sentences: ['b'] };
    assert.deepEqual(await client(`${url}/similarity`).sentenceSimilarity({ inputs }), [0.5]);
  },
});
