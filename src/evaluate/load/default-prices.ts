import type { PriceTable } from './prices.ts'

/**
 * A starting point, not a quotation: prices change and differ by region and contract. `whet bench --prices FILE` takes
 * a table of one's own in the same form. Per hour, on demand, Linux, US East (Northern Virginia).
 */
export const DEFAULT_PRICES: PriceTable = {
  currency: 'USD',
  wattsPerThread: 4,
  wattsSource: 'what CodeCarbon, which estimates the energy of programs, falls back to',
  machines: [
    {
      name: 'AWS c5.2xlarge',
      arch: 'x64',
      perHour: 0.34,
      cores: 8,
      asOf: '2024-01',
      source: 'Amazon EC2 Auto Scaling user guide, example of on-demand prices; said there not to be current',
    },
    {
      name: 'AWS t3.large',
      arch: 'x64',
      perHour: 0.0832,
      cores: 2,
      asOf: '2026',
      source: 'go-cloud.io, guide to EC2 pricing; a burstable machine, cheaper than it looks only when mostly idle',
    },
    {
      name: 'AWS m7g.large',
      arch: 'arm64',
      perHour: 0.0816,
      cores: 2,
      asOf: '2026-06',
      source: 'factualminds.com, Amazon EC2 on-demand pricing, 17 June 2026',
    },
  ],
}
