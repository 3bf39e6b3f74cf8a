/** The style of every page: one column, system fonts, light and dark, printable. */
export const STYLE = `
:root{color-scheme:light dark;--bg:#fbfaf8;--card:#fff;--ink:#1c1a17;--soft:#5d574e;--line:#e4dfd6;--accent:#0b6e4f;
--good:#0b6e4f;--good-bg:#e3f3ec;--close:#1f5fa8;--close-bg:#e6eff9;--warn:#8a5a00;--warn-bg:#fbf0d9;--bad:#a4262c;--bad-bg:#fae5e5;--bar:#8d8679}
@media screen and (prefers-color-scheme:dark){:root{--bg:#161513;--card:#1f1e1b;--ink:#f1eee8;--soft:#b0a99d;--line:#38352f;--accent:#4fc79b;
--good:#5fd1a6;--good-bg:#15352a;--close:#84b7ef;--close-bg:#16293f;--warn:#e8b75b;--warn-bg:#3a2c10;--bad:#f0868b;--bad-bg:#401c1e;--bar:#7d766b}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;overflow-wrap:break-word}
main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
header p.kicker{margin:0;color:var(--soft);font-size:.9rem}
h1{font-size:clamp(1.45rem,1.1rem + 1.9vw,2.15rem);line-height:1.2;margin:.35rem 0 1rem;letter-spacing:-.01em;text-wrap:balance}
h2{font-size:1.2rem;margin:2.6rem 0 .6rem}
p{margin:.5rem 0}.soft{color:var(--soft)}
.badge{display:inline-block;border-radius:999px;padding:.15rem .7rem;font-weight:600;font-size:.85rem;white-space:nowrap}
.good{background:var(--good-bg);color:var(--good)}.near{background:var(--close-bg);color:var(--close)}
.warn{background:var(--warn-bg);color:var(--warn)}.bad{background:var(--bad-bg);color:var(--bad)}.none{background:var(--line);color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(12rem,1fr));gap:.8rem;margin:1.2rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:.7rem;padding:.8rem 1rem}
.tile b{display:block;font-size:1.75rem;line-height:1.15;letter-spacing:-.02em}.tile span{color:var(--soft);font-size:.88rem}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:.7rem;background:var(--card)}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.5rem .8rem;border-bottom:1px solid var(--line);vertical-align:top}
tbody tr:last-child :is(td,.of){border-bottom:0}th{font-weight:600;color:var(--soft);font-size:.82rem;white-space:nowrap}
td.n,th.n{text-align:right;white-space:nowrap}th.n,td.n small{white-space:normal}th{vertical-align:bottom}tbody .of{font:inherit;color:inherit;white-space:normal;vertical-align:top}tr.chosen :is(td,.of){background:var(--good-bg)}tr.chosen .badge.good{background:var(--card)}
:is(td,.of) small{display:block;color:var(--soft)}:is(td,.of) small.why{color:var(--ink)}
figure{margin:1rem 0;background:var(--card);border:1px solid var(--line);border-radius:.7rem;padding:1rem}
figcaption{color:var(--soft);font-size:.88rem;margin-top:.4rem}
figure{overflow-x:auto}svg{display:block;width:100%;max-width:42rem;height:auto;margin:0 auto}svg text{fill:var(--ink);font:13px system-ui,sans-serif}svg text.s{fill:var(--soft);font-size:12px}svg text.over{paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
pre{background:var(--card);border:1px solid var(--line);border-radius:.7rem;padding:.9rem 1rem;overflow-x:auto;font:13.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{font:.9em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
details{margin:.6rem 0}summary{cursor:pointer;font-weight:600}details.how{margin:0;color:var(--soft);font-size:.85em}details.how summary{font-weight:400}details.how small{font-size:1em}summary:focus-visible,a:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
ul{padding-left:1.2rem;margin:.4rem 0}dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:.5rem 0}dt{color:var(--soft)}dd{margin:0;min-width:0;overflow-wrap:anywhere}
h3{font-size:1rem;margin:1.6rem 0 .4rem}
.story{max-width:44rem;font-size:1.06rem;margin-top:1rem}.story p{margin:.6rem 0}
svg.square{max-width:26rem}
.forest .line{display:grid;grid-template-columns:minmax(6rem,13rem) 1fr;gap:.8rem;align-items:center;min-height:1.75rem}
.forest .name{text-align:right;font-size:.9rem;line-height:1.2;overflow-wrap:anywhere}.forest .name small{color:var(--soft);margin-left:.4rem}
.track{position:relative;height:1.75rem;background:var(--bg)}.track i{position:absolute;display:block;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.track .beyond{left:0;top:0;bottom:0;background:var(--bad-bg)}.track .zero{left:50%;top:0;bottom:0;border-left:1px solid var(--soft)}
.track .limit{top:0;bottom:0;border-left:2px dashed var(--bad)}.track .span{top:calc(50% - 2px);height:4px;border-radius:2px}
.track .dot{top:calc(50% - 5px);width:10px;height:10px;margin-left:-5px;border-radius:50%}
.track i.good,.bar i.good{background:var(--good)}.track i.bad,.bar i.bad{background:var(--bad)}.track i.warn{background:var(--warn)}
.axis .track{background:none;height:1.3rem}.axis b{position:absolute;transform:translateX(-50%);font-size:.75rem;font-weight:400;color:var(--soft);white-space:nowrap}.axis b.end{transform:translateX(-100%)}.axis b.start{transform:none;padding-left:.35rem}
.bar{display:grid;grid-template-columns:7.5rem 1fr 4rem;gap:.6rem;align-items:center;font-size:.92rem;min-height:2rem}.bar i{display:block;height:1rem;border-radius:3px;print-color-adjust:exact;-webkit-print-color-adjust:exact}.bar b{text-align:right;font-variant-numeric:tabular-nums}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(15.5rem,1fr));gap:.7rem;margin:.8rem 0}
.card{display:flex;gap:.8rem;background:var(--card);color:var(--ink);border:1px solid var(--line);border-left:4px solid var(--soft);border-radius:.5rem;padding:.6rem .7rem;font-size:.9rem;break-inside:avoid;min-width:0}
.card.bad{border-left-color:var(--bad)}.card.good{border-left-color:var(--good)}.card.warn{border-left-color:var(--warn)}
.card img{width:72px;height:72px;object-fit:contain;image-rendering:pixelated;border-radius:.3rem;background:#888;flex:none}
.pair{display:grid;gap:.3rem;align-content:start;flex:none}
.card div{min-width:0;overflow-wrap:anywhere}.card p{margin:.1rem 0}.card .where{color:var(--soft);font-size:.82rem}.card blockquote{margin:.2rem 0;font-style:italic}.card small{color:var(--soft)}
@media(max-width:34rem){pre{white-space:pre-wrap;overflow-wrap:anywhere}:is(td,.of):first-child:has(small,details){min-width:11rem}th.n,td.n small{white-space:nowrap}svg text{font-size:16px}svg text.s{font-size:15px}svg.square text.s{font-size:13px}.forest .line{grid-template-columns:6.5rem 1fr;gap:.5rem}.forest .name{font-size:.82rem}.forest .name small{display:block;margin:0}.bar{grid-template-columns:6.5rem 1fr 3rem}.story{font-size:1rem}dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}main{padding-top:1.4rem}.tiles{grid-template-columns:1fr 1fr}.tile b{font-size:1.35rem}}
@media screen and (max-width:34rem){.cards-of-rows thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.cards-of-rows table,.cards-of-rows tbody{display:block}.cards-of-rows tr{display:grid;grid-template-columns:minmax(0,1.2fr) minmax(0,1fr) minmax(0,1fr);border-bottom:1px solid var(--line);padding:.35rem .3rem}.cards-of-rows tbody tr:last-child{border-bottom:0}.cards-of-rows tr:has(td:nth-child(5):last-child),.cards-of-rows tr:has(td:nth-child(3):last-child){grid-template-columns:repeat(2,minmax(0,1fr))}.cards-of-rows tr.chosen{background:var(--good-bg)}
.cards-of-rows :is(td,.of){border:0;padding:.25rem .5rem;text-align:left;white-space:normal;min-width:0;overflow-wrap:anywhere}.cards-of-rows td.n small{white-space:normal}.cards-of-rows :is(td,.of):first-child{grid-column:1/-1;min-width:0}.cards-of-rows .badge{white-space:normal;overflow-wrap:normal;padding:.1rem .45rem;font-size:.75rem}.cards-of-rows td:empty{display:none}.cards-of-rows td:not(:first-child)::before{content:attr(data-head);display:block;color:var(--soft);font-size:.75rem}}
@media print{.cards{grid-template-columns:repeat(auto-fill,minmax(17rem,1fr))}.card img{width:56px;height:56px}html{font-size:11px}body{background:#fff;font-size:11px}main{max-width:none;padding:0}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
h1,h2,h3,summary,h2+p,p:has(+.cards),p:has(+.scroll){break-after:avoid}dt,dd,li{break-inside:avoid}tr,.scroll:not(:has(tbody tr:nth-child(4))),figure,.tile,pre{break-inside:avoid}.scroll,figure,pre{overflow:visible}figure.rows,figure.forest{break-inside:auto}.rows svg,.forest .line{break-inside:avoid}figcaption{break-before:avoid}th,td{padding:.35rem .55rem}th,td.n,th.n{white-space:normal}td.n:not(:has(small)){white-space:nowrap}
pre{font-size:.85rem;white-space:pre-wrap;overflow-wrap:anywhere}details{display:block}details.how summary{display:none}details::details-content{content-visibility:visible;height:auto;display:block}}
`
