import { count } from '../words.ts'
import { type Style, wrap } from './table.ts'

/** Lines under a title, a screenful unless said; the whole list is in the JSON. */
export function section(title: string, lines: readonly string[], most = 12): readonly string[] {
  if (lines.length === 0) return []
  const shown = lines.slice(0, most)
  return [
    '',
    `${title}:`,
    ...shown.map((line) => `  ${line}`),
    ...(lines.length > shown.length
      ? [`  … and ${count(lines.length - shown.length)} more (--json has them all)`]
      : []),
  ]
}

/** The same with nothing left out: who asks has few of them, or wants to see all. */
export const whole = (title: string, lines: readonly string[]): readonly string[] => section(title, lines, lines.length)

const HANGING = '    '

/** Sentences of a section, broken between words where the terminal ends; what goes on is set in further. */
export const hanging = (sentences: readonly string[], { width }: Pick<Style, 'width'>): readonly string[] =>
  sentences.map((sentence) => wrap(sentence, width - HANGING.length).join(`\n${HANGING}`))
