import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { joulesBetween, readEnergy } from './rapl.ts'

test('packages are read, their parts are not counted twice', () => {
  const root = mkdtempSync(join(tmpdir(), 'rapl-'))
  for (const [zone, name, value] of [
    ['intel-rapl:0', 'package-0', '5000000'],
    ['intel-rapl:0:0', 'core', '3000000'],
    ['intel-rapl:1', 'package-1', '7000000'],
    ['dtpm', 'other', '1'],
  ] as const) {
    mkdirSync(join(root, zone))
    writeFileSync(join(root, zone, 'name'), `${name}\n`)
    writeFileSync(join(root, zone, 'energy_uj'), `${value}\n`)
    writeFileSync(join(root, zone, 'max_energy_range_uj'), '10000000\n')
  }
  const before = readEnergy(root)
  expect(before).toEqual([
    { name: 'package-0', microjoules: 5e6, range: 1e7 },
    { name: 'package-1', microjoules: 7e6, range: 1e7 },
  ])
  writeFileSync(join(root, 'intel-rapl:0', 'energy_uj'), '6500000\n')
  writeFileSync(join(root, 'intel-rapl:1', 'energy_uj'), '1000000\n')
  // 1.5 J, and 4 J over the wrap.
  expect(joulesBetween(before as never, readEnergy(root) as never)).toBeCloseTo(5.5, 9)
})

test('a counter that wrapped has counted on', () => {
  const counter = { name: 'package-0', range: 262_143_328_850 }
  const before = [{ ...counter, microjoules: 262_143_328_000 }]
  expect(joulesBetween(before, [{ ...counter, microjoules: 1_000_000 }])).toBeCloseTo(1.00085, 12)
})

test('where nothing can be read, the reason stands instead', () => {
  expect(readEnergy('/no/such/folder')).toEqual({ reason: 'this system shows no energy counter' })
  expect(readEnergy(mkdtempSync(join(tmpdir(), 'rapl-')))).toEqual({ reason: 'this system shows no energy counter' })
})
