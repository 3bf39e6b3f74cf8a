import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const textOf = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
const names = (text: string) => new Set(text.match(/\bwhetstone_[a-z_]+/g))

test('the dashboard and the alerts name metrics that exist, and the dashboard shows every one', () => {
  const families = ['./metrics.ts', './rollout/extension.ts', './webhooks.ts', './tracing.ts'].flatMap((path) => [
    ...names(textOf(path)),
  ])
  const dashboard = textOf('../../deploy/grafana.json')
  const shown = names(dashboard)
  expect([...shown].filter((name) => !families.includes(name))).toEqual([])
  expect(families.filter((name) => !shown.has(name))).toEqual([])
  expect([...names(textOf('../../deploy/alerts.yaml'))].filter((name) => !families.includes(name))).toEqual([])
  const { panels } = JSON.parse(dashboard) as { panels: { targets: object[] }[] }
  expect(panels.every(({ targets }) => targets.length > 0)).toBe(true)
})
