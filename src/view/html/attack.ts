import type { AttackReport } from '../../report/index.ts'
import { count, fileName, percent, plural, signed } from '../words.ts'
import { html, type Markup, raw } from './markup.ts'
import { list, listUnder, page, table } from './page.ts'
import { type Picture, picture } from './picture.ts'

/** Pictures of a row that an attack turned. */
export interface FooledPictures {
  readonly before: Picture
  readonly after: Picture
  /** How much the loss changes with each value of the untouched row. */
  readonly saliency: Picture | null
}

export interface AttackExtras {
  /** By row number. */
  readonly fooled?: ReadonlyMap<number, FooledPictures>
}

type Stand = Pick<AttackReport, 'clean' | 'robust' | 'byAttack' | 'gradient' | 'alarms'>

const GRADIENTS = {
  exact: 'The gradient is that of the model.',
  'straight-through':
    'The model rounds. Its true gradient is zero nearly everywhere, so rounding counts as the identity on the way back.',
  none: 'There is no gradient: only a search that sees answers alone was run, and it finds less.',
} as const

/** What each attack does, in a few words. */
const ATTACK_WORDS: Readonly<Record<string, string>> = {
  fgsm: 'one step along the sign of the gradient',
  pgd: 'many small steps from a random start',
  'apgd-ce': 'Auto-PGD on the cross-entropy',
  'apgd-t': 'Auto-PGD towards each likely wrong class',
  'fab-t': 'the nearest wrong answer, class by class',
  square: 'random search that sees answers alone',
  transfer: 'rows found on the other model',
}

const STYLE = `
.alarm{border:1px solid var(--bad);border-left-width:6px;background:var(--bad-bg);border-radius:.7rem;padding:.7rem 1rem;margin:1.2rem 0}
.alarm h2{margin:0 0 .3rem;color:var(--bad)}
.views{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:.5rem;margin-bottom:.5rem}
.views figure{margin:0;padding:0;border:0;background:none;overflow:visible}.views figcaption{margin:.15rem 0 0;font-size:.75rem;line-height:1.25}
.card.tall{display:block}.card.tall .views img{width:100%;height:auto;aspect-ratio:1}
.share{display:block;height:.4rem;border-radius:3px;background:var(--accent);margin:.25rem 0 0 auto;print-color-adjust:exact;-webkit-print-color-adjust:exact}`

/** An attack as one HTML document that needs no other file, with pictures of turned rows where these are given. */
export function attackPage(report: AttackReport, { fooled: pictures }: AttackExtras): string {
  const { model, against, clean, robust, warnings, data } = report
  const stands = standsOf(report)
  const [right, stood] = [clean, robust].map(({ correct, n }) => percent(n === 0 ? 0 : correct / n))
  return page(
    `Attack: ${model.path}`,
    html`<style>${raw(STYLE)}</style>
<header><p class="kicker">Whetstone attack · ${model.path}${against && ` against ${against.path}`}</p><h1>${report.sentence}</h1></header>
${alarms(stands)}
<div class="tiles">
<div class="tile"><b>${right}</b><span>right untouched: ${count(clean.correct)} of ${plural(clean.n, 'row')}</span></div>
<div class="tile"><b>${stood}</b><span>still right after every attack: ${count(robust.correct)}</span></div>
<div class="tile"><b>${report.norm === 'linf' ? 'L∞' : 'L2'} ${report.eps}</b><span>${report.norm === 'linf' ? 'the most that each value may change' : 'the most that the row may change in length'}, within ${report.range.join(' to ').replaceAll('-', '−')}</span></div>
</div>
<h2>Attack by attack</h2>
<p class="soft">Each attack ran alone on every row that is right untouched. Fewer rows left is a stronger attack; what counts is the last line.</p>
${byAttack(stands)}
${paired(report)}
<h2>Where the gradient comes from</h2>
${list(stands.map(([path, { gradient }]) => html`<b>${path}</b>: ${gradient}. ${GRADIENTS[gradient]}`))}
${fooledRows(report, pictures)}
${listUnder('Worth knowing', warnings)}
<h2>Method</h2>
<p class="soft">${plural(data.rows, 'row')} of ${fileName(data.path)}, seed ${report.seed}; the valid range is from the ${report.rangeFrom}. What an attack finds counts only where the model itself, run on that one row, answers wrong, within the radius and inside the range. Together, apgd-ce, apgd-t, fab-t and square are AutoAttack (Croce and Hein, arXiv 2003.01690).</p>
<dl><dt>Model</dt><dd><code>${model.digest}</code></dd>${against && html`<dt>Against</dt><dd><code>${against.digest}</code></dd>`}<dt>Data</dt><dd><code>${data.digest}</code></dd></dl>`,
  )
}

const standsOf = (report: AttackReport): readonly (readonly [string, Stand])[] => [
  [report.model.path, report],
  ...(report.against ? [[report.against.path, report.against] as const] : []),
]

function alarms(stands: ReturnType<typeof standsOf>): Markup {
  const all = stands.flatMap(([path, stand]) => stand.alarms.map((alarm) => [path, alarm] as const))
  if (all.length === 0) return html``
  return html`<section class="alarm" role="alert"><h2>Do not trust the robust number</h2>
${list(all.map(([path, alarm]) => html`<b>${path}</b>: ${alarm}`))}
<p>A search without gradients should never find more than attacks that follow them. Where it does, the gradient hides something, and a stronger adversary may break more rows than were counted here.</p></section>`
}

function byAttack(stands: ReturnType<typeof standsOf>): Markup {
  const names = [...new Set(stands.flatMap(([, stand]) => Object.keys(stand.byAttack)))]
  const lines: readonly { head: string; words: string; of: (stand: Stand) => number | null }[] = [
    { head: 'untouched', words: 'the rows as they are', of: ({ clean }) => clean.correct },
    ...names.map((name) => ({
      head: name,
      words: ATTACK_WORDS[name] ?? '',
      of: ({ byAttack: own }: Stand) => own[name]?.correct ?? null,
    })),
    { head: 'after all', words: 'rows that stand every one', of: ({ robust }) => robust.correct },
  ]
  const cell = (stand: Stand, correct: number | null) => {
    if (correct === null) return '–'
    const share = stand.clean.n === 0 ? 0 : correct / stand.clean.n
    return html`${count(correct)}<small>${percent(share)}</small><i class="share" style="width:${Math.round(100 * share)}%"></i>`
  }
  return table(
    [
      { head: 'Attack', cell: ({ head, words }) => html`<b>${head}</b><small>${words}</small>` },
      ...stands.map(([path, stand]) => ({
        head: `right, ${path}`,
        numeric: true,
        cell: ({ of }: (typeof lines)[number]) => cell(stand, of(stand)),
      })),
    ],
    lines,
    ({ head }) => (head === 'after all' ? 'chosen' : ''),
    // Two models stand side by side, on a phone too.
    stands.length > 1,
  )
}

function paired({ paired: pairs, model, against }: AttackReport): Markup {
  if (!pairs || !against) return html``
  const words =
    pairs.ci[0] > 0
      ? `${model.path} stands more`
      : pairs.ci[1] < 0
        ? `${model.path} stands less`
        : 'these rows do not tell which of the two stands more'
  return html`<p>${plural(pairs.candidateOnly, 'row stays', 'rows stay')} right only with ${model.path}, ${count(pairs.baseOnly)} only with ${against.path}: a difference of ${signed(pairs.difference)} of the rows (${percent(1 - pairs.alpha, 0)} interval ${signed(pairs.ci[0])} to ${signed(pairs.ci[1])}), so ${words}.</p>`
}

function fooledRows({ fooled = [], model }: AttackReport, pictures: AttackExtras['fooled']): Markup {
  if (fooled.length === 0) return html``
  const small = (value: number) => Number(value.toPrecision(3)).toString()
  return html`<h2>Rows that were turned</h2>
<p class="soft">Rows that ${model.path} answers right untouched, each with the smallest change found that makes it wrong.${pictures?.size ? ' Bright places of the third picture are those that the loss hangs on most: the size of its gradient by each value of the untouched row.' : ''}</p>
<div class="cards">${fooled.map((row) => {
    const shown = pictures?.get(row.row)
    const one = (view: Picture | null | undefined, words: string) =>
      view && html`<figure>${picture(view, `Row ${row.row}: ${words}`)}<figcaption>${words}</figcaption></figure>`
    return html`<article class="card tall bad">${shown && html`<div class="views">${one(shown.before, 'untouched')}${one(shown.after, 'changed')}${one(shown.saliency, 'gradient')}</div>`}
<p class="where">row ${row.row} · ${row.attack}</p><p>class <b>${row.label}</b> → <b>${row.answer}</b></p><p class="soft">largest change ${small(row.largest)}, length ${small(row.length)}</p></article>`
  })}</div>`
}
