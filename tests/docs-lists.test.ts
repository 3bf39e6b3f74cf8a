import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { EXIT } from '../src/cli/exit-codes.ts'
import { overview } from '../src/cli/overview.ts'
import { COMMON } from '../src/cli/verb.ts'
import { VERBS } from '../src/cli/verbs.ts'
import { GATE_KEYS } from '../src/evaluate/gate/index.ts'
import { passes } from '../src/passes/index.ts'

const ROOT = resolve(import.meta.dirname, '..')
const textOf = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const PAGES = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
)
const everything = PAGES.map(textOf).join('\n')
const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /(?<!\.test)\.ts$/.test(name))
  .map((name) => textOf(`src/${name}`))
  .join('\n')
/** First cells of the table below a heading cell. */
const column = (page: string, head: string) => {
  const [, rows] = new RegExp(`^\\| ${head} \\|.*\\n\\|-.*\\n((?:\\|.*\\n)+)`, 'm').exec(textOf(page))!
  return [...rows!.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell]) => cell!.split(', '))
}

/** Options that the pages name of other programs, and of those of the benchmark. */
const OTHERS = [
  ...['--ignore-scripts', '--shm-size', '--oci-layout'],
  ...['--network', '--tune-rows', '--tune-epochs', '--unlabelled', '--control'],
]

test('every option is in the pages, and every option in the pages is one', async () => {
  const options = Object.keys(COMMON)
  const missing: string[] = []
  for (const { load } of Object.values(VERBS))
    for (const [name, { short }] of Object.entries((await load()).options)) {
      options.push(name)
      const said = new RegExp(`(?<![\\w-])(?:--${name}${short ? `|-${short}` : ''})(?![\\w-])`)
      if (!said.test(everything)) missing.push(`--${name}`)
    }
  expect(missing).toEqual([])
  const named = new Set(everything.match(/(?<![\w-])--[a-z][\w-]+/g))
  const known = new Set([...options.map((name) => `--${name}`), '--version', ...OTHERS])
  expect([...named].filter((name) => !known.has(name))).toEqual([])
})

test('the exit codes are those of the command, in the README and in its own help', () => {
  const codes = Object.values(EXIT).map(String)
  expect(column('README.md', 'code')).toEqual(codes)
  expect(
    overview()
      .split('Exit codes: ')[1]!
      .match(/(?<=^|, |,\n\s+)\d+/g),
  ).toEqual(codes)
})

test('environment variables of the command are in the pages, and those in the pages are read', () => {
  const read = new Set(sources.match(/(?<=process\.env\.)WHETSTONE_\w+/g))
  // `WHETSTONE_DEBUG` is named where it helps: in the message about a bug.
  read.delete('WHETSTONE_DEBUG')
  expect(read.size).toBeGreaterThan(5)
  expect([...read].filter((name) => !everything.includes(name))).toEqual([])
  expect(everything.match(/WHETSTONE_[A-Z_]+/g)!.filter((name) => !sources.includes(name))).toEqual([])
})

test('the keys of a gate file are those that are read', () => {
  expect(
    column('docs/comparing.md', 'key')
      .map((cell) => cell.replaceAll('`', ''))
      .sort(),
  ).toEqual([...GATE_KEYS].sort())
})

test('inputs and outputs of the action are told', () => {
  const { inputs, outputs } = parse(textOf('action.yml'))
  const [, told] = textOf('docs/comparing.md').split('### In GitHub Actions')
  const section = told!.split('\n## ')[0]!
  const names = [...Object.keys(inputs), ...Object.keys(outputs)]
  expect(names.length).toBeGreaterThan(8)
  expect(names.filter((name) => !section.includes(`\`${name}`))).toEqual([])
})

test('passes in tables exist', () => {
  const named = ['docs/kernels.md', 'docs/int8.md'].flatMap((page) =>
    [...textOf(page).matchAll(/^\| pass \|.*\n\|-.*\n((?:\|.*\n)+)/gm)].flatMap(([, rows]) =>
      [...rows!.matchAll(/^\| `(\w+)`/gm)].map(([, id]) => id!),
    ),
  )
  expect(named.length).toBeGreaterThan(50)
  expect(named.filter((id) => passes[id] === undefined)).toEqual([])
})

test('numbers for Prometheus that the pages name are counted', () => {
  const named = everything.match(/\bwhetstone_[a-z_]+/g)!
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((name) => !sources.includes(name))).toEqual([])
})

test('links to a heading find it', () => {
  const withoutCode = (path: string) => textOf(path).replace(/^```[\s\S]*?^```$/gm, '')
  const anchors = (path: string) =>
    [...withoutCode(path).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\- _]/gu, '')
        .replaceAll(' ', '-'),
    )
  let links = 0
  for (const page of PAGES)
    for (const [, path, anchor] of withoutCode(page).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)) {
      links++
      expect(anchors(path ? join(page, '..', path) : page), `${page}: ${path}#${anchor}`).toContain(anchor)
    }
  expect(links).toBeGreaterThan(15)
})
