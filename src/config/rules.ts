/** Rules that no call ever goes by: values that no header has, and rules behind another one for the same. */
import type { Mistakes } from './mistakes.ts';
import type { Config } from './schema/index.ts';

type Rules = Config['models'][string]['rules'];

/**
 * White space around a field's value is no part of it, and control characters and line ends are in none (RFC 9110
 * §5.5).
 */
const canBeValue = (value: string): boolean => !/^[ \t]|[ \t]$|[^\P{Cc}\t\x80-\x9f]/u.test(value);

/**
 * Reports routing rules that cannot match: impossible header values (RFC 9110 §5.5) and repeats of an earlier
 * rule.
 * @param model path of the model's entry
 */
export function ruleProblems(model: string, rules: Rules, mistakes: Mistakes): void {
  const first = new Map<string, number>();
  for (let i = 0; i < rules.length; i++)
    mistakes.part(() => {
      const { header, value } = rules[i]!;
      const at = `${model}.rules[${i}]`;
      if (!canBeValue(value))
        mistakes.add(
          `${at}.value`,
          'can never match: a header has no white space at its ends, and no control characters',
        );
      const key = `${header}\0${value}`;
      const before = first.get(key);
      if (before === undefined) first.set(key, i);
      else
        mistakes.add(
          at,
          `can never match: ${model}.rules[${before}] has the same header and value, and the first that fits decides`,
        );
    });
}
