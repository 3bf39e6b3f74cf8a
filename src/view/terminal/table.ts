import { wrap } from '../../report/index.ts'

/** What a terminal shows: colors, and characters in a line. */
export interface Style {
  readonly color: boolean
  readonly width: number
}

/** How a column of a table in text is headed, and what it does where room is short. */
export interface TextColumn {
  readonly head: string
  readonly right?: boolean
  /** Where the terminal is too narrow for it, the text goes on below instead of being cut. */
  readonly wrap?: boolean
  /** A shorter form of a text that finds no room. */
  brief?(text: string): string
  /** Left out where the terminal is too narrow. */
  readonly spare?: boolean
}

/** The least that the column which gives way is left with. */
const NARROWEST = 12

/** Columns are handed out to tables below one another only where a terminal has this room at least. */
const STACKED = 40

/**
 * A plain table; where the terminal is too narrow, the last left-aligned column is shortened, or broken into lines. What
 * finds no room all the same follows in a table below, with the first column again.
 */
export function textTable(columns: readonly TextColumn[], rows: readonly (readonly string[])[], style: Style): string {
  const widths = columns.map((column, i) => Math.max(column.head.length, ...rows.map((row) => (row[i] ?? '').length)))
  const total = widths.reduce((sum, width) => sum + width + 2, -2)
  const flexible = columns.findLastIndex((column) => !column.right)
  const left = flexible < 0 ? 0 : widths[flexible]! - (total - style.width)
  const spare = columns.findLastIndex((column) => column.spare)
  if (spare >= 0 && total > style.width && left < NARROWEST) {
    const without = <T>(all: readonly T[]) => all.filter((_, i) => i !== spare)
    return textTable(without(columns), rows.map(without), style)
  }
  if (flexible >= 0 && total > style.width)
    widths[flexible] = Math.max(Math.min(NARROWEST, widths[flexible]!), Math.min(widths[flexible]!, left))
  const fitting = fittingColumns(widths, style.width)
  if (fitting < columns.length && style.width >= STACKED) {
    const part = <T>(all: readonly T[], from: number, to?: number) => [
      ...(from > 0 ? [all[0]!] : []),
      ...all.slice(from, to),
    ]
    return [
      textTable(
        part(columns, 0, fitting),
        rows.map((row) => part(row, 0, fitting)),
        style,
      ),
      textTable(
        part(columns, fitting),
        rows.map((row) => part(row, fitting)),
        style,
      ),
    ].join('\n')
  }
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => {
        const width = widths[i]!
        const shown = cell.length > width ? (columns[i]!.brief?.(cell) ?? cell) : cell
        const text = shown.length > width ? `${shown.slice(0, width - 1)}…` : shown
        return columns[i]!.right ? text.padStart(width) : text.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  const broken = (row: readonly string[]): readonly (readonly string[])[] => {
    if (flexible < 0 || !columns[flexible]!.wrap) return [row]
    const pieces = wrap(row[flexible] ?? '', widths[flexible]!)
    return pieces.map((piece, k) => row.map((cell, i) => (i === flexible ? piece : k === 0 ? cell : '')))
  }
  return [paint('dim', line(columns.map((column) => column.head)), style), ...rows.flatMap(broken).map(line)].join('\n')
}

/** How many columns, from the left, stand side by side: two at the least, so that every further table has one of its own. */
function fittingColumns(widths: readonly number[], width: number): number {
  let used = -2
  const over = widths.findIndex((own) => (used += own + 2) > width)
  return over < 0 ? widths.length : Math.max(2, over)
}

/** Where the facts of a list begin that have a name each. */
const NAMES = 11

/** A fact behind its name, broken between words where the terminal ends; what goes on stays beside the names. */
export const fact = (name: string, text: string, { width }: Style): readonly string[] =>
  wrap(text, width - NAMES).map((line, i) => `${(i === 0 ? name : '').padEnd(NAMES)}${line}`.trimEnd())

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34 } as const

/** Text in a colour or weight, where the terminal has them. */
export function paint(code: keyof typeof CODES, text: string, style: Style): string {
  return style.color ? `\x1b[${CODES[code]}m${text}\x1b[0m` : text
}

/** A sentence in bold, behind its verdict where one is given, broken between words where the terminal ends. */
export function headline(
  sentence: string,
  style: Style,
  judged?: { readonly verdict: string | null; readonly grade?: string | null },
): readonly string[] {
  const word = (look: Style) => (judged ? `${verdictWord(judged.verdict, judged.grade ?? null, look)}  ` : '')
  const plain = word({ ...style, color: false })
  return wrap(`${plain}${sentence}`, style.width).map((line, i) =>
    i === 0 ? `${word(style)}${paint('bold', line.slice(plain.length), style)}` : paint('bold', line, style),
  )
}

/** The verdict in its colour: `close` in blue, undecided in yellow. */
export function verdictWord(verdict: string | null, grade: string | null, style: Style): string {
  if (verdict === null) return '–'
  const word = grade === 'proven' ? `${verdict} (proven)` : grade === 'close' ? 'close (not proven)' : verdict
  return paint(
    verdict === 'pass' ? 'green' : verdict === 'regressed' ? 'red' : grade === 'close' ? 'blue' : 'yellow',
    word,
    style,
  )
}
