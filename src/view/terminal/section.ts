import { wrap } from '../../report/index.ts'
import { count } from '../words.ts'
import type { Style } from './table.ts'

/** What stands before a line of a section, and before what goes on of it. */
const [FIRST, NEXT] = ['  ', '    ']

/**
 * Lines under a title, a screenful by default; the whole list is in the JSON. A line is broken between words where the
 * terminal ends, and what goes on is set in further.
 */
export function section(title: string, lines: readonly string[], style: Style, most = 12): readonly string[] {
  if (lines.length === 0) return []
  const shown = lines.slice(0, most)
  return [
    '',
    `${title}:`,
    ...shown.map((line) => `${FIRST}${wrap(line, style.width - NEXT.length).join(`\n${NEXT}`)}`),
    ...(lines.length > shown.length
      ? [`${FIRST}… and ${count(lines.length - shown.length)} more (--json has them all)`]
      : []),
  ]
}

/** The same with nothing left out: who asks has few of them, or wants to see all. */
export const whole = (title: string, lines: readonly string[], style: Style): readonly string[] =>
  section(title, lines, style, lines.length)
