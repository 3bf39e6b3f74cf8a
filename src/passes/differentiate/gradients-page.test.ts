import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { CONSTANT_NEARLY_EVERYWHERE, DIFFERENTIABLE } from './index.ts'

test('docs/gradients.md names every operator with a rule (UPDATE_DOCS=1 rewrites it)', () => {
  const file = resolve(import.meta.dirname, '../../../docs/gradients.md')
  const page = readFileSync(file, 'utf8')
  const fill = (text: string, mark: string, names: Iterable<string>) =>
    text.replace(
      new RegExp(`(<!-- ${mark} -->)[\\s\\S]*(<!-- /${mark} -->)`),
      (_, from, to) => `${from}\n${[...names].map((name) => `\`${name}\``).join(', ')}\n${to}`,
    )
  const wanted = fill(fill(page, 'operators', DIFFERENTIABLE), 'constant', CONSTANT_NEARLY_EVERYWHERE)
  if (process.env.UPDATE_DOCS) writeFileSync(file, wanted)
  else expect(page).toBe(wanted)
})
