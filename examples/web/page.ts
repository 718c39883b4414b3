/** A page that calls a model: `npm run example` serves it, beside a gateway that `npm start` runs. */
import { connect, RpcError } from '../../clients/web/src/index.ts';

const url = new URLSearchParams(location.search).get('gateway') ?? `http://${location.hostname}:8000`;
const model = connect(url, { timeoutMs: 5000 }).model('half_plus_two');
const form = document.querySelector('form') as HTMLFormElement;
const input = document.querySelector('input') as HTMLInputElement;
const output = document.querySelector('output') as HTMLOutputElement;

async function predict(): Promise<string> {
  const numbers = input.value.split(',').map(Number);
  const { outputs, servedBy, durationMs } = await model.run({ x: Float32Array.from(numbers) });
  return `${String(outputs.y?.data.join(', '))} (from ${servedBy} in ${durationMs.toFixed(1)} ms)`;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  predict().then(
    (text) => (output.value = text),
    (error: unknown) =>
      (output.value = error instanceof RpcError ? `${error.code}: ${error.message}` : String(error)),
  );
});
