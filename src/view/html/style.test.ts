import { expect, test } from 'vitest'
import { STYLE } from './style.ts'

/** Relative luminance of `#rgb` or `#rrggbb` (WCAG 2.2). */
function luminance(colour: string): number {
  const hex = colour.length === 4 ? [...colour.slice(1)].map((digit) => digit + digit).join('') : colour.slice(1)
  const [red, green, blue] = [0, 2, 4].map((from) => {
    const share = Number.parseInt(hex.slice(from, from + 2), 16) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
}

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (light! + 0.05) / (dark! + 0.05)
}

const themes = [...STYLE.matchAll(/:root\{([^}]+)\}/g)].map(([, rules]) =>
  Object.fromEntries([...rules!.matchAll(/--([\w-]+):(#\w+)/g)].map(([, name, colour]) => [name!, colour!])),
)

test.each([
  ['light', themes[0]!],
  ['dark', themes[1]!],
])('colours of the %s page can be read: 4.5 for text, 3 for what a chart draws', (_, colours) => {
  const ratio = (front: string, ground: string) => contrast(colours[front]!, colours[ground]!)
  for (const ground of ['bg', 'card'])
    for (const text of ['ink', 'soft']) expect(ratio(text, ground)).toBeGreaterThan(4.5)
  for (const tone of ['good', 'close', 'warn', 'bad']) expect(ratio(tone, `${tone}-bg`), tone).toBeGreaterThan(4.5)
  // In the row of what is handed out, and the badge of a pass in it; the badge of what was not judged.
  for (const [text, ground] of [
    ['soft', 'good-bg'],
    ['ink', 'good-bg'],
    ['good', 'card'],
    ['soft', 'line'],
  ] as const)
    expect(ratio(text, ground), `${text} on ${ground}`).toBeGreaterThan(4.5)
  for (const drawn of ['accent', 'good', 'close', 'warn', 'bad', 'bar', 'soft'])
    expect(ratio(drawn, 'card'), drawn).toBeGreaterThan(3)
})
