import { expect, test } from 'vitest'
import { html } from './markup.ts'
import { page, table } from './page.ts'

test('no line parts a number from its unit, and what is copied stays as it is', () => {
  const said = 'from 3.1 ms to 20 KB, 95 % and 40 dB, of 5 samples'
  const text = page('title', html`<p>${said}</p><pre>sleep 3 s</pre><p><code>1 B</code> 2 B</p>`)
  expect(text).toContain('<p>from 3.1\u00a0ms to 20\u00a0KB, 95\u00a0% and 40\u00a0dB, of 5 samples</p>')
  expect(text).toContain('<pre>sleep 3 s</pre><p><code>1 B</code> 2\u00a0B</p>')
})

test('a table of few columns shows cards on a phone where it is told to', () => {
  const of = (cards?: boolean) => table([{ head: 'Attack', cell: () => 'pgd' }], [1], () => '', cards).html
  expect([of(), of(true)].map((text) => text.includes('cards-of-rows'))).toEqual([false, true])
})

test('the cell that names a row is its head; a first column of figures is none', () => {
  const columns = [
    { head: 'Model', cell: (name: string) => name },
    { head: 'Size', numeric: true, cell: () => '3' },
  ]
  expect(table(columns, ['a.onnx']).html).toContain(
    '<tr class=""><th scope="row" class="of">a.onnx</th><td class="n" data-head="Size">3</td></tr>',
  )
  expect(table(columns.slice(1), ['a.onnx']).html).not.toContain('scope="row"')
})
