import { count } from '../words.ts'

/** At most a screenful; the whole list is in the JSON. */
export function section(title: string, lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return []
  const shown = lines.slice(0, 12)
  return [
    '',
    `${title}:`,
    ...shown.map((line) => `  ${line}`),
    ...(lines.length > shown.length
      ? [`  … and ${count(lines.length - shown.length)} more (--json has them all)`]
      : []),
  ]
}
