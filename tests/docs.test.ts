import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from '../src/cli/parse.ts'
import { VERBS } from '../src/cli/verbs.ts'
import { metrics } from '../src/evaluate/index.ts'
import { type JsonSchema, kinds, schemaOf } from '../src/report/index.ts'
import { Bench, CLASSIFIER, integers } from './command.ts'

const ROOT = resolve(import.meta.dirname, '..')
const PAGES = ['README.md', 'CHANGELOG.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith('.md'),
)
const textOf = (page: string) => readFileSync(join(ROOT, page), 'utf8')

interface Block {
  readonly page: string
  readonly language: string
  readonly title: string
  readonly code: string
}

const blocks: readonly Block[] = PAGES.flatMap((page) =>
  [...textOf(page).matchAll(/^```(\w+)(?: (.*))?\n([\s\S]*?)^```$/gm)].map(([, language, title, code]) => ({
    page,
    language: language!,
    title: title ?? '',
    code: code!,
  })),
)

const bench = new Bench()
/** Inside the checkout, so that its packages are found. */
const folder = join(ROOT, 'node_modules', '.docs-check')
beforeAll(() => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  bench.model('model.onnx', CLASSIFIER)
  bench.rows('eval.npz', 40, 16)
  bench.rows('calib.npz', 40, 16)
  bench.rows('groups.npz', 40, 16, { half: integers(40, (row) => row % 2) })
})
afterAll(() => {
  bench.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** Whole commands and compilers run here, which takes minutes on a busy machine. */
const PATIENCE = { timeout: 600_000 }

test('blocks in TypeScript check against the sources; those marked "run" run', PATIENCE, () => {
  const files = blocks.filter(({ language }) => language === 'ts')
  expect(files.length).toBeGreaterThanOrEqual(4)
  for (const [i, { page, code }] of files.entries())
    writeFileSync(join(folder, `block-${i}.ts`), `// ${page}\n${code}\nexport {}\n`)
  const compilerOptions = {
    noEmit: true,
    noUnusedLocals: false,
    paths: { whetstone: ['../../src/index.ts'], 'whetstone/*': ['../../src/*/index.ts'] },
  }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../tsconfig.json',
      compilerOptions,
      include: ['*.ts', '../../src/**/*.d.ts'],
      exclude: [],
    }),
  )
  const checked = spawnSync(process.execPath, ['../typescript/bin/tsc', '-p', '.'], { cwd: folder, encoding: 'utf8' })
  expect([checked.stdout, checked.status]).toEqual(['', 0])
  // Elsewhere: Node reads no TypeScript below node_modules.
  const running = bench.path('run')
  mkdirSync(running)
  writeFileSync(join(running, 'package.json'), '{"type":"module"}')
  for (const [i, { title, code }] of files.entries()) {
    if (title !== 'run') continue
    const file = join(running, `run-${i}.ts`)
    const sources = pathToFileURL(join(ROOT, 'src/')).href
    writeFileSync(
      file,
      code.replace(/'whetstone(?:\/(\w+))?'/g, (_, room) => `'${sources}${room ? `${room}/` : ''}index.ts'`),
    )
    const hooks = `file://${join(ROOT, 'scripts/typescript-hooks.mjs')}`
    const ran = spawnSync(process.execPath, ['--import', hooks, file], { encoding: 'utf8' })
    expect([ran.stderr, ran.status]).toEqual(['', 0])
  }
})

describe('the commands of every page run in the order of the page', () => {
  const commands = PAGES.map((page) => {
    const lines = blocks
      .filter((block) => block.page === page && block.language === 'sh')
      .flatMap(({ code }) => code.split('\n'))
    return [
      page,
      lines.map((line) => line.replace(/\s+#.*$/, '').trim()).filter((line) => line.startsWith('whet ')),
    ] as const
  }).filter(([, lines]) => lines.length > 0)

  test('there are some', () => expect(commands.map(([page]) => page)).toContain('README.md'))

  test.each(commands)('%s', PATIENCE, async (page, lines) => {
    for (const { title, code } of blocks.filter((block) => block.page === page && /\.(mjs|yaml)$/.test(block.title)))
      writeFileSync(bench.path(title), code)
    if (page !== 'README.md')
      await bench.whet('quantize', 'model.onnx', '-o', 'int8.onnx', '--scheme', 'static-int8', '--data', 'calib.npz')
    for (const line of lines) {
      const words = line
        .replace(/ --(time|duration) \S+/, '')
        .split(' ')
        .slice(1)
      const hurry =
        words[0] === 'optimize'
          ? ['--time', '3s']
          : ['bench', 'select'].includes(words[0]!)
            ? ['--duration', '0.2']
            : []
      const { code, stderr } = await bench.whet(...words, ...hurry)
      // On forty rows nothing can be proven.
      expect([line, code, stderr]).toEqual([
        line,
        ['compare', 'robustness', 'select'].includes(words[0]!) ? 3 : 0,
        stderr,
      ])
    }
    for (const { code } of blocks.filter((block) => block.page === page && block.language === 'js' && !block.title)) {
      const file = join(folder, 'use.mjs')
      writeFileSync(file, code)
      const ran = spawnSync(process.execPath, [file], { cwd: bench.folder, encoding: 'utf8' })
      expect([ran.stderr, ran.status]).toEqual(['', 0])
    }
  })
})

test('commands that no test runs are ones that their verbs take, remarks and all', async () => {
  const shown = blocks.filter(({ language }) => ['console', 'text'].includes(language))
  const lines = shown.flatMap(({ page, code }) =>
    [...code.replaceAll(/\\\n\s*/g, '').matchAll(/^whet (.*?)(?:\s+#.*)?$/gm)].map(
      ([, words]) => [page, words!] as const,
    ),
  )
  expect(lines.length).toBeGreaterThan(20)
  for (const [page, line] of lines) {
    const [name, ...words] = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!)
    expect(Object.keys(VERBS), `${page}: whet ${line}`).toContain(name)
    const verb = await VERBS[name!]!.load()
    expect(() => parse(verb, words), `${page}: whet ${line}`).not.toThrow()
  }
})

test('links lead somewhere', () => {
  for (const page of PAGES)
    for (const [, target] of textOf(page).matchAll(/\]\((?!https?:)([^)#]+)/g))
      expect([page, target, readFileSync(join(ROOT, page, '..', target!)).length > 0]).toEqual([page, target, true])
})

test('every dependency stands in docs/dependencies.md with a reason, and nothing else does', () => {
  const { dependencies, devDependencies } = JSON.parse(textOf('package.json'))
  const named = [...textOf('docs/dependencies.md').matchAll(/^- ((?:`[^`]+`(?:, )?)+): \S/gm)].flatMap(([, names]) =>
    [...names!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
  )
  expect(named.sort()).toEqual([...Object.keys(dependencies), ...Object.keys(devDependencies)].sort())
})

test('every metric stands in docs/metrics.md', () => {
  for (const name of Object.keys(metrics)) expect(textOf('docs/metrics.md')).toContain(`\`${name}\``)
})

test('every report kind stands in docs/reports.md with the fields of its schema (UPDATE_DOCS=1 rewrites them)', () => {
  const fields = Object.keys(kinds)
    .sort()
    .map(
      (kind) =>
        `### ${kind}\n\n${Object.entries(schemaOf(kind as keyof typeof kinds).properties!)
          .slice(2)
          .map(([name, schema]) => `- ${fieldText(name, schema, schemaOf(kind as keyof typeof kinds))}`)
          .join('\n')}`,
    )
    .join('\n\n')
  const page = textOf('docs/reports.md')
  const [before] = page.split('## Fields')
  expect(Object.keys(kinds).filter((kind) => !before!.includes(`\`${kind}\``))).toEqual([])
  const wanted = page.replace(
    /(<!-- fields -->)[\s\S]*(<!-- \/fields -->)/,
    (_, from, to) => `${from}\n\n${fields}\n\n${to}`,
  )
  if (process.env.UPDATE_DOCS) writeFileSync(join(ROOT, 'docs/reports.md'), wanted)
  else expect(page).toBe(wanted)
})

function fieldText(name: string, schema: JsonSchema, parent: JsonSchema): string {
  return `\`${name}${parent.required?.includes(name) ? '' : '?'}\`${typeText(schema)}`
}

function typeText(schema: JsonSchema): string {
  if (schema.anyOf) return `${typeText(schema.anyOf[0]!)} or null`
  if (schema.enum) return ` (${schema.enum.map(String).join(' | ')})`
  if (schema.type === 'array') return `[]${schema.items ? typeText(schema.items) : ''}`
  const kind = schema.properties?.kind?.const
  if (kind) return ` (a ${kind} report)`
  if (schema.properties)
    return ` {${Object.entries(schema.properties)
      .map(([name, field]) => fieldText(name, field, schema).replaceAll('`', ''))
      .join(', ')}}`
  return ''
}
