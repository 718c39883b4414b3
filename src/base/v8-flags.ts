/**
 * How V8 treats this process, its memory and its code; imported before anything that allocates.
 * docs/decisions/0020-what-a-call-costs.md has the figures.
 */
import { setFlagsFromString } from 'node:v8';

const v8 = Number.parseInt(process.versions.v8);

// V8 learns that the objects of some code live long and then makes them old at once. Under load calls look like that,
// and an old call that has ended holds all that it pointed at until the next full collection: twice the CPU a call.
setFlagsFromString('--no-allocation-site-pretenuring');
// Request bodies are read into buffers outside of V8's heap. By default every 64 MB of them bring a full collection,
// however little of them is left; counted with the heap, they bring one when memory has grown. V8 before 13 has no
// such flag, and says so.
if (v8 >= 13) setFlagsFromString('--external-memory-accounted-in-global-limit');
// Without the middle tier (bin/tensorgate turns it off) code would stay slow until its 3,000th call: the optimizing
// compiler takes it where the middle one would have.
if (v8 >= 13) setFlagsFromString('--invocation-count-for-turbofan=400');
