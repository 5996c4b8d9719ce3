import { chartStyle } from './chart'
import { escapeMarkup } from './text'

/** Style of the page: system fonts, light and dark, from phone width up, print without backgrounds. */
const pageStyle = `
:root{color-scheme:light dark;--back:#fff;--raised:#f5f6f8;--text:#1c2126;--soft:#4d565e;--edge:#d6dade;--link:#005c91;--good:#00664a;--bad:#a63d00}
@media (prefers-color-scheme:dark){:root{--back:#15191d;--raised:#1e2429;--text:#e8ebee;--soft:#aab3bb;--edge:#363e45;--link:#7cc4f0;--good:#3fd0a4;--bad:#ff9d57}}
*{box-sizing:border-box}
html{background:var(--back);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:52rem;padding:1.5rem 1rem 4rem}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .5rem}h2{font-size:1.3rem;line-height:1.3;margin:3rem 0 .5rem}h3{font-size:1.05rem;margin:0 0 .5rem}
p{margin:.5rem 0}a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-100rem}.skip:focus{left:1rem;top:.5rem;background:var(--back);padding:.25rem .5rem}
.verdict{font-weight:600;font-size:1.1rem}.good{color:var(--good)}.bad{color:var(--bad)}
.source,figcaption{color:var(--soft);font-size:.92rem}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;padding:0;margin:.75rem 0}
figure{margin:1.75rem 0;padding:1rem 0;border-top:1px solid var(--edge)}
figure svg{display:block;width:100%;height:auto;margin:.75rem 0}
.narrow{display:none}
.scroll{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.94rem}
.claims{width:100%}
th,td{text-align:left;vertical-align:baseline;padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--edge);font-weight:400}
th+th,td+td,td+th,th+td{padding-left:.25rem}
thead th{color:var(--soft);font-size:.85rem}
.number{text-align:right;white-space:nowrap}.state{font-weight:600;white-space:nowrap}
details{margin:.75rem 0}summary{cursor:pointer;color:var(--link);padding:.25rem 0}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,16rem),1fr));gap:0 1.5rem;margin:.75rem 0}
dl div{display:flex;justify-content:space-between;gap:1rem;border-bottom:1px solid var(--edge);padding:.3rem 0}
dt{color:var(--soft)}dd{margin:0;text-align:right;overflow-wrap:anywhere}
@media (max-width:560px){.wide{display:none}.narrow{display:block}body{padding:1rem .9rem 3rem}
.claims thead{display:none}.claims,.claims tbody,.claims tr{display:block}.claims tr{display:grid;grid-template-columns:1fr 1fr;border-bottom:1px solid var(--edge);padding:.5rem 0}
.claims td,.claims th{border:0;padding:.1rem 0}.claims .state,.claims th{grid-column:1/-1}.claims .number{text-align:left}
.claims td.number::before{color:var(--soft);font-size:.85rem}.claims td.number:nth-child(3)::before{content:"Measured "}.claims td.number:nth-child(4)::before{content:"Expected "}}
@media print{details>*{display:block}.skip,nav{display:none}figure{break-inside:avoid}}
`

/** What a page has in its head beside what all have. */
export interface PageHead {
  title: string
  /** Rules of the content security policy beside those that let nothing in but style. */
  policy?: string
  /** Elements before the title. */
  links?: string
  style?: string
}

/** Everything of an HTML page before its body. */
export function pageHead({ title, policy = '', links = '', style = '' }: PageHead): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'${policy}">
${links}<title>${escapeMarkup(title)}</title>
<style>${pageStyle}${chartStyle}${style}</style>
</head>`
}
