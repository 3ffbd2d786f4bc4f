// Figures are drawn when they are opened: a page with many of them must open at once.
for (const details of document.querySelectorAll("details.explore")) {
  details.addEventListener("toggle", () => {
    const place = details.querySelector(".plot");
    if (!details.open || place.dataset.drawn) return;
    place.dataset.drawn = "yes";
    const figure = JSON.parse(details.querySelector("script").textContent);
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim(), rule = style.getPropertyValue("--rule").trim();
    const layout = { ...figure.layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" };
    layout.font = { family: style.getPropertyValue("--sans"), color: ink };
    for (const key of Object.keys(layout).filter((name) => /^[xy]axis/.test(name))) {
      layout[key] = { ...layout[key], gridcolor: rule, zerolinecolor: rule, automargin: true };
    }
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: style.getPropertyValue("--soft").trim(), activecolor: ink };
    Plotly.newPlot(place, figure.data, layout, { responsive: true, displaylogo: false });
  });
}
for (const link of document.querySelectorAll("a[href^='#source-']")) {
  link.addEventListener("click", () => {
    const section = document.querySelector(link.getAttribute("href"));
    if (section && section.tagName === "DETAILS") section.open = true;
  });
}
