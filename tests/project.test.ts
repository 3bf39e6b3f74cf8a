import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { posix, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { WHETSTONE_VERSION } from '../src/report/index.ts'

const ROOT = resolve(import.meta.dirname, '..')
const read = (name: string) => readFileSync(resolve(ROOT, name), 'utf8')
/** The source of a compiled file that package.json names. */
const sourceOf = (file: string) => file.replace('./dist/', '').replace(/\.js$/, '.ts')

test('the lock file names no registry, so that it installs from whichever is configured', () => {
  const lock = JSON.parse(read('package-lock.json'))
  for (const [name, entry] of Object.entries<{ resolved?: string; integrity?: string }>(lock.packages)) {
    expect([name, entry.resolved]).toEqual([name, undefined])
    if (name !== '') expect([name, entry.integrity]).toEqual([name, expect.stringMatching(/^sha(256|384|512)-/)])
  }
  expect(read('package-lock.json')).not.toMatch(/https?:\/\/[^"]*registry/)
})

test('dependencies have exact versions and licences that allow any use', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json'))
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
    expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+(-[\w.]+)?$/)])
  for (const name of Object.keys(dependencies)) {
    const { license } = JSON.parse(read(`node_modules/${name}/package.json`))
    expect([name, license]).toEqual([name, expect.stringMatching(/MIT|Apache-2.0|BSD|ISC/)])
  }
})

test('every package that an installation brings may be used freely; the one exception is documented', () => {
  const { packages } = JSON.parse(read('package-lock.json'))
  const unusual = Object.entries<{ license?: string; dev?: boolean }>(packages)
    .filter(
      ([name, { dev, license = '' }]) => name !== '' && !dev && !/^\(?(MIT|Apache-2\.0|BSD|0BSD|ISC)/.test(license),
    )
    .map(([name, { license }]) => `${name.replace(/-libvips-.*/, '-libvips')} ${license}`)
  expect([...new Set(unusual)]).toEqual(['node_modules/@img/sharp-libvips LGPL-3.0-or-later'])
  expect(read('docs/dependencies.md')).toContain('LGPL-3.0-or-later')
})

test('one version: the package, the command, and the newest entry of the changes', () => {
  expect(JSON.parse(read('package.json')).version).toBe(WHETSTONE_VERSION)
  expect(/^## (\S+)/m.exec(read('CHANGELOG.md'))![1]).toBe(WHETSTONE_VERSION)
})

test('every room that the package exports exists and is in the documentation of the architecture', () => {
  const { exports } = JSON.parse(read('package.json'))
  for (const [name, { default: file }] of Object.entries<{ default: string }>(exports)) {
    read(sourceOf(file))
    if (name !== '.') expect(read('docs/architecture.md')).toContain(`\`${name.slice(2)}\``)
  }
})

test('no dependency that is installed asks for a newer Node than the package does', () => {
  const [major, minor] = /(\d+)\.(\d+)/
    .exec(JSON.parse(read('package.json')).engines.node)!
    .slice(1)
    .map(Number)
  const { packages } = JSON.parse(read('package-lock.json'))
  const tooNew = Object.entries<{ engines?: { node?: string }; dev?: boolean }>(packages)
    .filter(([name, { dev, engines }]) => name !== '' && !dev && engines?.node !== undefined)
    .filter(([, { engines }]) => !allows(engines!.node!, major!, minor!))
    .map(([name, { engines }]) => `${name} ${engines!.node}`)
  expect(tooNew).toEqual([])
})

/** Whether a range of Node versions (alternatives of >=, ^ or a bare major, as packages write them) holds one. */
function allows(range: string, major: number, minor: number): boolean {
  return range.split('||').some((part) => {
    const [, sign, from, rest] = /^(>=|>|\^|~|)\s*v?(\d+)(?:\.(\d+))?/.exec(part.trim()) ?? []
    if (from === undefined) return part.trim() === '*'
    const enough = major > Number(from) || (major === Number(from) && minor >= Number(rest ?? 0))
    return sign!.startsWith('>') ? enough : enough && major === Number(from)
  })
}

/** Every source file below a folder, tests and their fixtures aside. */
const sources = readdirSync(resolve(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .map((file) => `src/${file.replaceAll('\\', '/')}`)
  .filter((file) => /(?<!\.test|\.d)\.ts$/.test(file) && !file.includes('/fixtures/'))
const textOf = new Map(sources.map((file) => [file, read(file)]))
const compiled = (file: string) => `dist/${file.replace(/\.ts$/, '.js')}`

test('the package holds every module that its exports reach, and no room that only the command uses', () => {
  const { exports, files } = JSON.parse(read('package.json'))
  const out = (files as string[]).filter((entry) => /^!dist\/src\/\w+$/.test(entry)).map((entry) => entry.slice(6))
  const queue = Object.values<{ default: string }>(exports).map(({ default: file }) => sourceOf(file))
  const reached = new Set<string>()
  for (let file = queue.pop(); file; file = queue.pop()) {
    if (reached.has(file)) continue
    reached.add(file)
    for (const [, to] of textOf.get(file)!.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g))
      queue.push(posix.join(posix.dirname(file), to!))
  }
  const room = (file: string) => file.split('/').slice(0, 2).join('/')
  const reachedRooms = new Set([...reached].map(room))
  expect([...reachedRooms].filter((name) => out.includes(name))).toEqual([])
  expect(new Set(sources.map(room).filter((name) => !reachedRooms.has(name)))).toEqual(new Set(out))
})

test('modules that do something when they are loaded are kept by bundlers, and only those', () => {
  const { sideEffects } = JSON.parse(read('package.json'))
  const patterns = sideEffects.map(
    (glob: string) => new RegExp(`^${glob.replaceAll('.', '\\.').replace('*', '[^/]*')}$`),
  )
  const listed = (file: string) => patterns.some((pattern: RegExp) => pattern.test(`./${compiled(file)}`))
  for (const [file, text] of textOf)
    for (const [, to] of text.matchAll(/^import '(\.[^']+)'/gm))
      expect([to, listed(posix.join(posix.dirname(file), to!))]).toEqual([to, true])
  const acts = [...textOf].filter(([, text]) => /^process\.(on|env)\b/m.test(text)).map(([file]) => file)
  expect(acts.filter((file) => !listed(file))).toEqual([])
  expect(acts).toContain('src/engine/ort-telemetry.ts')
})

const require = createRequire(import.meta.url)
const rules: readonly { name: string; to: { pathNot?: string[] } }[] = require('../.dependency-cruiser.cjs').forbidden
/** What each room may import, as the rules have it. */
const mayImport = new Map(
  rules
    .filter(({ name }) => name.endsWith('-layer'))
    .map(({ name, to }) => [
      name.slice(0, -'-layer'.length),
      to.pathNot!.map((path) => /^\^src\/(\w+)\/$/.exec(path)![1]!).filter((room) => `${room}-layer` !== name),
    ]),
)

test('the table of rooms in the document of the architecture is the one that is checked', () => {
  const table = [...read('docs/architecture.md').matchAll(/^\| `(\w+)` \| .* \| (.*) \|$/gm)]
  const rooms = table.map(([, room]) => room!)
  expect(rooms).toEqual([...mayImport.keys()])
  for (const [, room, allowed] of table) {
    const words = allowed === '–' ? [] : allowed!.split(', ')
    const all = { 'all above': rooms.slice(0, rooms.indexOf(room!)), all: rooms.filter((name) => name !== room) }
    expect([room, new Set(all[allowed as keyof typeof all] ?? words)]).toEqual([room, new Set(mayImport.get(room!))])
  }
  expect(new Set(sources.filter((file) => file.split('/').length > 2).map((file) => file.split('/')[1]))).toEqual(
    new Set(rooms),
  )
})

test('every door between two rooms is one that somebody goes through', () => {
  const open = new Set<string>()
  for (const [file, text] of textOf)
    for (const [, to] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g))
      open.add(`${file.split('/')[1]} → ${posix.join(posix.dirname(file), to!).split('/')[1]}`)
  // Those that may take from every room take what they need.
  const named = [...mayImport].filter(([room]) => room !== 'recipe' && room !== 'cli')
  const unused = named
    .flatMap(([room, others]) => others.map((other) => `${room} → ${other}`))
    .filter((d) => !open.has(d))
  expect(unused).toEqual([])
})
