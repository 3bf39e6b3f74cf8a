import { allTensors } from './all-constants.ts'
import type { Model } from './model.ts'

/** The other files, as the model names them, that its weights live in, in the order of their first use. */
export function externalLocations(model: Model): ReadonlySet<string> {
  const found = new Set<string>()
  for (const { data } of allTensors(model))
    if (data.form === 'external') for (const [key, value] of data.entries) if (key === 'location') found.add(value)
  return found
}
