/** How the garbage collector treats this process; imported before anything that allocates. */
import { setFlagsFromString } from 'node:v8';

// V8 learns that the objects of some code live long and then makes them old at once. Under load calls look like that, and an
// old call that has ended holds all that it pointed at until the next full collection: twice the CPU a call.
// docs/decisions/0020-what-a-call-costs.md has the figures.
setFlagsFromString('--no-allocation-site-pretenuring');
// Request bodies are read into buffers outside of V8's heap. By default every 64 MB of them bring a full collection, however little of
// them is left; counted with the heap, they bring one when memory has grown. V8 before 13 has no such flag, and says so.
if (Number.parseInt(process.versions.v8) >= 13)
  setFlagsFromString('--external-memory-accounted-in-global-limit');
