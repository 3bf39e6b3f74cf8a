import { cacheFolder, cacheSize, clearCache } from '../platform/index.ts'
import type { CacheReport } from '../report/index.ts'
import type { Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

export const cacheVerb: Verb = {
  name: 'cache',
  usage: 'cache [list|clear]',
  summary: 'Where evidence is kept between runs, and how large it is. WHETSTONE_CACHE moves it.',
  examples: ['whet cache list', 'whet cache clear'],
  positionals: { min: 0, max: 1, names: 'list or clear' },
  options: {},
  async run([action = 'list']) {
    if (action !== 'list' && action !== 'clear')
      throw wrongCall(`cache ${action}: no such action`, 'whet cache list, or whet cache clear')
    const folder = cacheFolder()
    const deleted = action === 'clear' ? await clearCache(folder) : 0
    const { files, bytes } = await cacheSize(folder)
    const report: CacheReport = { kind: 'cache', version: 1, folder, files, bytes, deleted }
    return { report }
  },
}
