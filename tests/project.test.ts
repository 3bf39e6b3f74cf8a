import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { WHETSTONE_VERSION } from '../src/report/index.ts'

const read = (name: string) => readFileSync(resolve(import.meta.dirname, '..', name), 'utf8')

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

test('one version: the package, the command, and the newest entry of the changes', () => {
  expect(JSON.parse(read('package.json')).version).toBe(WHETSTONE_VERSION)
  expect(/^## (\S+)/m.exec(read('CHANGELOG.md'))![1]).toBe(WHETSTONE_VERSION)
})

test('every room that the package exports exists and is in the documentation of the architecture', () => {
  const { exports } = JSON.parse(read('package.json'))
  for (const [name, { default: file }] of Object.entries<{ default: string }>(exports)) {
    read(file.replace('./dist/', '').replace(/\.js$/, '.ts'))
    if (name !== '.') expect(read('docs/architecture.md')).toContain(`\`${name.slice(2)}\``)
  }
})
