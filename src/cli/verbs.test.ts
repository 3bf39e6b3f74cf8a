// Every verb explains itself, its examples are commands that it takes, and no option is one that nobody reads.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { GROUPS } from '../passes/index.ts'
import { quantize } from '../recipe/index.ts'
import { helpOf } from './help.ts'
import { overview } from './overview.ts'
import { parse } from './parse.ts'
import { Arguments, COMMON, type Verb } from './verb.ts'
import { VERBS } from './verbs.ts'

const sources = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => readFileSync(join(import.meta.dirname, file), 'utf8'))
  .join('\n')
const verbs: readonly Verb[] = await Promise.all(Object.values(VERBS).map(({ load }) => load()))

/** The words of an example as a shell gives them: pasted, it must run with the remark that explains it. */
const wordsOf = (example: string) =>
  [...example.replace(/ +# .*$/, '').matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!)

/** Read by its name in a call or a list, or as a key of a table that is read key by key. */
const reads = (option: string) => new RegExp(`[(\\[ ]'${option}'|^ {2}${option}: \\{`, 'm').test(sources)

describe.each(verbs.map((verb) => [verb.name, verb] as const))('whet %s', (name, verb) => {
  test('is listed under its name', () => {
    expect(Object.keys(VERBS)).toContain(name)
    expect(verb.usage.split(' ')[0]).toBe(name)
  })

  test('has examples, and takes each as it stands', () => {
    expect(verb.examples?.length).toBeGreaterThan(0)
    for (const example of verb.examples!) {
      const [whet, first, ...words] = wordsOf(example)
      expect([whet, first]).toEqual(['whet', name])
      expect(() => parse(verb, words), example).not.toThrow()
    }
  })

  test.each([60, 80])(
    'its page ends lines of a terminal of %i columns with a word, and leaves examples whole',
    (width) => {
      const page = helpOf(verb, width)
      const broken = page.split('\n').filter((line) => line.length > width && line.trim().includes(' '))
      const examples = (verb.examples ?? []).map((example) => `  ${example}`)
      expect(broken.filter((line) => !examples.includes(line))).toEqual([])
      const flat = (text: string) => text.replace(/\s+/g, ' ')
      expect(flat(page)).toBe(flat(helpOf(verb)))
    },
  )

  test('says of every option what it is, and names its value where it has one', () => {
    for (const [option, { type, value, help }] of Object.entries(verb.options)) {
      expect([option, help.length > 10, help.endsWith('.')]).toEqual([option, true, false])
      expect([option, value !== undefined]).toEqual([option, type === 'string'])
      expect(helpOf(verb)).toContain(`--${option}`)
    }
    for (const [, option] of verb.usage.matchAll(/--([a-z][\w-]*)/g))
      expect(Object.keys({ ...verb.options, ...COMMON })).toContain(option)
  })

  test('where it takes rows, it takes what messages about rows name', () => {
    const wanted = verb.options.data ? ['label', 'tokenizer', 'tokens'] : []
    expect(wanted.filter((option) => verb.options[option] === undefined)).toEqual([])
  })

  test('reads every option that it has', () => {
    expect(Object.keys(verb.options).filter((option) => !reads(option))).toEqual([])
  })
})

test.each([
  ['distil', '--adversary-steps=5', '--adversary EPS'],
  ['distil', '--range=0,1', '--adversary EPS'],
  ['distil', '--fresh-weights', '--student FILE'],
  ['quantize', '--samples=64', '--data D'],
  ['serve', '--scope=read', '--make-key NAME'],
  ['serve', '--trace-share=0.5', '--traces URL'],
])('whet %s %s is refused without %s', async (name, word, other) => {
  const verb = await VERBS[name]!.load()
  const [option, partner] = [word.split('=')[0], other.split(' ')[0]!]
  expect(() => parse(verb, ['model.onnx', word])).toThrow(
    expect.objectContaining({
      message: `${option} means nothing without ${partner}`,
      hint: `add ${other}, or leave ${option} out`,
    }),
  )
  expect(() => parse(verb, ['model.onnx', word, `${partner}=1`])).not.toThrow()
})

test.each([
  ['static-int8', '--divide-outliers', 'an option of dynamic-int8, not of static-int8', 'use --smooth 0.5 there'],
  ['dynamic-int8', '--smooth=0.5', 'an option of static-int8, not of dynamic-int8', 'use --divide-outliers there'],
])('quantize --scheme %s %s is refused with what does that there', async (scheme, word, message, hint) => {
  const verb = await VERBS.quantize!.load()
  const words = ['model.onnx', '-o', 'out.onnx', '--data', 'rows.npz', '--scheme', scheme, word]
  const { positionals, options } = parse(verb, words)
  const refused = { message: expect.stringContaining(message), hint }
  await expect(verb.run(positionals, options, {} as never)).rejects.toMatchObject(refused)
})

test('quantize takes a calibration only where ranges are calibrated', async () => {
  const verb = await VERBS.quantize!.load()
  const words = ['model.onnx', '-o', 'out.onnx', '--scheme', 'dynamic-int8', '--calibration', 'entropy']
  const { positionals, options } = parse(verb, words)
  await expect(verb.run(positionals, options, {} as never)).rejects.toThrow(
    '--calibration is an option of static-int8, not of dynamic-int8',
  )
})

test.each(['attack', 'compare', 'robustness', 'select'])(
  'whet %s -o writes a page, and no other file',
  async (name) => {
    const verb = await VERBS[name]!.load()
    const { positionals, options } = parse(
      verb,
      ['a.onnx', 'b.onnx', '--data', 'rows.npz', '-o', 'report.json'].slice(name === 'attack' ? 1 : 0),
    )
    await expect(verb.run(positionals, options, {} as never)).rejects.toThrow('written as a page, FILE.html')
  },
)

test('groups of weights: those that the kernel takes, to the library too', async () => {
  expect(helpOf((await VERBS.quantize!.load()) as Verb)).toContain(`share a scale, ${GROUPS.join(', ')} (32)`)
  const model = parseModel('<ir_version: 10, opset_import: ["" : 21]> g (float[1] x) => (float[1] y) { y = Relu(x) }')
  const made = quantize(model, { scheme: 'weight-int4', group: 33 })
  await expect(made).rejects.toMatchObject({ code: 'bad-argument', hint: 'choices: 16, 32, 64, 128, 256' })
})

test('sizes: with a unit or without, within their limits', () => {
  const options = new Arguments({ small: '64k', mib: '200MiB', plain: '5000000', body: '2', wrong: '5 MBit' })
  expect(['small', 'mib', 'plain', 'none'].map((name) => options.givenSize(name))).toEqual([
    64_000,
    209_715_200,
    5_000_000,
    undefined,
  ])
  expect(options.givenSize('body', { plain: 2 ** 20 })).toBe(2_097_152)
  expect(() => options.givenSize('wrong')).toThrow('--wrong 5 MBit: not a size from 0 up')
  expect(() => options.givenSize('small', { min: 1e6 })).toThrow('--small 64k: not a size from 1000000 up')
  expect(() => options.givenSize('mib', { max: 1e6 })).toThrow('--mib 200MiB: not a size from 0 to 1000000 bytes')
})

test('the page of all verbs fits a terminal of 80 columns', () => {
  expect(
    overview()
      .split('\n')
      .filter((line) => line.length > 80),
  ).toEqual([])
})
