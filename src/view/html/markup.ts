/** Text that is already safe HTML. Everything else that enters `html` is escaped. */
export interface Markup {
  readonly html: string
}

type Part = Markup | string | number | null | undefined | false | readonly Part[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escapeText = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!)

/** Template tag: literal parts are HTML, values are escaped unless they are `Markup`; lists are joined. */
export function html(literals: TemplateStringsArray, ...values: readonly Part[]): Markup {
  return { html: literals.reduce((text, literal, i) => text + render(values[i - 1]) + literal) }
}

function render(part: Part): string {
  if (part === null || part === undefined || part === false) return ''
  if (typeof part === 'object') return 'html' in part ? part.html : part.map(render).join('')
  return escapeText(String(part))
}

export const raw = (text: string): Markup => ({ html: text })
