/// The page's style sheet, and the digest by which the content security policy allows it.
enum StatusPageStyle {
    /// Colours are named once and switched by the reader's preference.
    static let css = """
        :root{color-scheme:light dark;--ground:#f6f7f9;--card:#fff;--ink:#1a1f29;--soft:#5b6472;--line:#e2e6ec;\
        --good:#14713d;--good-ground:#dcf3e4;--busy:#1659b7;--busy-ground:#dde9fb;--warn:#8a5300;--warn-ground:#fdeecb;\
        --bad:#b3201b;--bad-ground:#fde0de;--idle:#4d5663;--idle-ground:#e8ebf0;--demand:#6f42c1;--serving:#14713d;\
        --current:#1659b7;--target:#d9730d}
        @media(prefers-color-scheme:dark){:root{--ground:#0e1116;--card:#171b22;--ink:#e6eaf0;--soft:#98a2b1;\
        --line:#2a313c;--good:#6fd99b;--good-ground:#12351f;--busy:#86b6ff;--busy-ground:#14294a;--warn:#f3c15f;\
        --warn-ground:#3d2c0a;--bad:#ff908a;--bad-ground:#46171a;--idle:#b3bcc9;--idle-ground:#272e38;--demand:#b794f6;\
        --serving:#6fd99b;--current:#86b6ff;--target:#ffa64d}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,\
        "DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%}
        main,header,footer{max-width:1080px;margin:0 auto;padding:0 20px}
        header{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 14px;padding-top:22px;padding-bottom:14px}
        header h1{font-size:19px;margin:0;letter-spacing:-.01em}
        header p,footer p{color:var(--soft);font-size:13px;margin:0}
        header .when{margin-left:auto}
        section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px 22px;margin:0 0 18px}
        h2{font-size:15px;margin:0;display:flex;flex-wrap:wrap;align-items:center;gap:8px}
        h2 small{font-weight:400;color:var(--soft);font-size:13px}
        h3{font-size:12px;font-weight:600;color:var(--soft);text-transform:uppercase;letter-spacing:.06em;margin:24px 0 6px}
        .headline{font-size:25px;line-height:1.25;font-weight:650;letter-spacing:-.02em;margin:12px 0 2px}
        .headline .arrow{color:var(--soft);font-weight:400;padding:0 .25em}
        .because{color:var(--soft);margin:0 0 16px}
        .alerts{list-style:none;margin:12px 0 0;padding:0}
        .alerts li{border-radius:8px;padding:7px 12px;margin:0 0 6px;background:var(--warn-ground);color:var(--warn)}
        .alerts li.bad{background:var(--bad-ground);color:var(--bad)}
        .alerts b{text-transform:uppercase;font-size:11px;letter-spacing:.06em;margin-right:8px}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(132px,1fr));gap:1px;background:var(--line);\
        border:1px solid var(--line);border-radius:10px;overflow:hidden;margin:0 0 18px}
        .tiles div{background:var(--card);padding:9px 14px}
        .tiles dt{color:var(--soft);font-size:12px}
        .tiles dd{margin:0;font-size:18px;font-weight:600;font-variant-numeric:tabular-nums}
        .tiles dd small{font-size:12px;font-weight:400;color:var(--soft);display:block}
        .charts{display:grid;grid-template-columns:1fr 1fr;gap:22px}
        @media(max-width:760px){.charts{grid-template-columns:1fr}}
        figure{margin:0;min-width:0}
        figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:2px 12px;font-size:12px;color:var(--soft);\
        margin-bottom:6px}
        .key{margin-left:12px}.key::before{content:"";display:inline-block;width:9px;height:9px;border-radius:3px;\
        margin-right:5px;background:var(--key)}.key b{color:var(--ink);font-variant-numeric:tabular-nums}
        .demand{--key:var(--demand)}.serving{--key:var(--serving)}.current{--key:var(--current)}.target,.expected{--key:var(--target)}
        .plot{position:relative}.plot svg{display:block;width:100%;height:96px}
        .plot .top{position:absolute;left:4px;top:5px;font-size:11px;line-height:1;color:var(--soft)}
        .grid{stroke:var(--line);fill:none;vector-effect:non-scaling-stroke}
        .line{stroke:var(--key);fill:none;stroke-width:1.8;stroke-linejoin:round;vector-effect:non-scaling-stroke}
        .line.target,.line.expected{stroke-dasharray:5 3}
        .area{fill:var(--key);opacity:.14}
        .scroll{overflow-x:auto}
        table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
        th{font-weight:500;color:var(--soft);text-align:left;font-size:12px}
        th,td{padding:5px 14px 5px 0;border-bottom:1px solid var(--line);white-space:nowrap;vertical-align:baseline}
        td:last-child,th:last-child{padding-right:0}
        tbody tr:last-child td{border-bottom:0}
        td.n,th.n{text-align:right}
        .steps td:first-child,.steps th:first-child{padding-left:8px}
        .steps td:last-child{white-space:normal;width:60%}
        .recent td:last-child{white-space:normal;min-width:280px}
        tr.row-busy td{background:var(--busy-ground)}
        code{font:12.5px/1.4 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
        .badge{display:inline-block;border-radius:99px;padding:0 9px;font-size:12px;line-height:20px;font-weight:500}
        .good{color:var(--good);background:var(--good-ground)}.busy{color:var(--busy);background:var(--busy-ground)}
        .warn{color:var(--warn);background:var(--warn-ground)}.bad{color:var(--bad);background:var(--bad-ground)}
        .idle{color:var(--idle);background:var(--idle-ground)}
        .bar{background:none;vertical-align:0;margin-right:4px;fill:var(--line)}
        .bar.good .fill{fill:var(--good)}.bar.warn .fill{fill:var(--warn)}
        .none{color:var(--soft)}
        a{color:var(--busy)}
        footer{padding-bottom:28px}footer a{margin-right:14px}
        """

    /// The SHA-256 of `css` in Base64. A test computes it anew.
    static let digest = "OhfIL1FI+DP7smt+Yt39oxECQ86B8k3A+YzS5e45JmQ="
}
