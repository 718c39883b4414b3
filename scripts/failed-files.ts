/** A reporter for node:test that gives the test files with a failure, one a line. */
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

export default async function* failedFiles(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Set<string>();
  for await (const event of events)
    if (event.type === 'test:fail' && event.data.file !== undefined)
      files.add(relative(process.cwd(), event.data.file));
  for (const file of files) yield `${file}\n`;
}
