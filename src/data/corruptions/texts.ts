import type { SeededDraws } from './seeded-draws.ts'

type Corrupt = (text: string, severity: number, draws: SeededDraws) => string

/** Neighbours on a QWERTY keyboard. */
const ROWS = ['qwertyuiop', 'asdfghjkl', 'zxcvbnm']

/** Slips of the hand: neighbours exchanged, a letter lost, doubled or hit beside. */
function typos(text: string, severity: number, draws: SeededDraws): string {
  const share = [0.02, 0.05, 0.1, 0.15, 0.25][severity - 1]!
  const letters = [...text]
  const result: string[] = []
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i]!
    if (!/\p{L}/u.test(letter) || draws.uniform() >= share) {
      result.push(letter)
      continue
    }
    const slip = draws.below(4)
    if (slip === 0 && i + 1 < letters.length) result.push(letters[++i]!, letter)
    else if (slip === 1) result.push(letter, letter)
    else if (slip === 2) result.push(besides(letter, draws))
  }
  return result.join('')
}

function besides(letter: string, draws: SeededDraws): string {
  const lower = letter.toLowerCase()
  const row = ROWS.find((keys) => keys.includes(lower))
  if (!row) return letter
  const place = row.indexOf(lower) + (draws.below(2) === 0 ? -1 : 1)
  const hit = row[Math.min(row.length - 1, Math.max(0, place))]!
  return letter === lower ? hit : hit.toUpperCase()
}

/** A share of the words in capitals; those in capitals already become small. */
function letterCase(text: string, severity: number, draws: SeededDraws): string {
  const share = [0.1, 0.25, 0.5, 0.75, 1][severity - 1]!
  return text.replace(/\S+/g, (word) =>
    draws.uniform() >= share ? word : word === word.toUpperCase() ? word.toLowerCase() : word.toUpperCase(),
  )
}

/** Spaces lost, doubled, and put into words. */
function spacing(text: string, severity: number, draws: SeededDraws): string {
  const share = [0.02, 0.05, 0.1, 0.2, 0.3][severity - 1]!
  return [...text]
    .map((letter) => {
      if (draws.uniform() >= share) return letter
      if (/\s/.test(letter)) return draws.below(2) === 0 ? '' : letter + letter
      return draws.below(3) === 0 ? `${letter} ` : letter
    })
    .join('')
}

/** Letters of other alphabets that look the same (Unicode confusables). */
const ALIKE: Readonly<Record<string, string>> = {
  a: 'а',
  c: 'с',
  e: 'е',
  i: 'і',
  j: 'ј',
  o: 'о',
  p: 'р',
  s: 'ѕ',
  x: 'х',
  y: 'у',
  A: 'А',
  B: 'В',
  C: 'С',
  E: 'Е',
  H: 'Н',
  I: 'І',
  K: 'К',
  M: 'М',
  O: 'О',
  P: 'Р',
  T: 'Т',
  X: 'Х',
}

/** Some letters replaced by look-alikes, as spammers and scanners do. */
function lookAlikes(text: string, severity: number, draws: SeededDraws): string {
  const share = [0.05, 0.1, 0.2, 0.35, 0.5][severity - 1]!
  return [...text].map((letter) => (draws.uniform() < share ? (ALIKE[letter] ?? letter) : letter)).join('')
}

/** What people, keyboards and scanners do to text. */
export const textCorruptions: Readonly<Record<string, { readonly group: string; readonly apply: Corrupt }>> = {
  typos: { group: 'typing', apply: typos },
  case: { group: 'typing', apply: letterCase },
  spacing: { group: 'layout', apply: spacing },
  'look-alikes': { group: 'layout', apply: lookAlikes },
}
