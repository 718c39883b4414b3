/** The same client in Node: node examples/web/predict.ts, beside a gateway that `npm start` runs. */
import { connect } from '../../clients/web/src/index.ts';

const gateway = connect(process.argv[2] ?? 'http://localhost:8000', { timeoutMs: 5000 });
const { y } = await gateway.model('half_plus_two').predict({ x: new Float32Array([1, 2, 5]) });
process.stdout.write(`y = ${String(y?.data.join(', '))}\n`);
