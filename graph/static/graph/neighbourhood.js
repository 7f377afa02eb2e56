// Draws what is around an entity. The list beside the picture says the same in words: what is added here is added there.
"use strict";

(() => {
    const box = document.getElementById("memos-graph");
    if (!box || !window.cytoscape) return;
    box.hidden = false;
    const MOST = 250;
    const list = document.getElementById("memos-graph-list");
    const status = document.getElementById("memos-graph-status");
    const { start, nodes, edges } = JSON.parse(document.getElementById("memos-graph-data").textContent);
    const expanded = new Set([start]);
    const address = (template, id) => template.replace("00000000-0000-0000-0000-000000000000", id);

    const elements = (nodes, edges) => [
        ...nodes.map((each) => ({ group: "nodes", data: { ...each } })),
        ...edges.map((each) => ({
            group: "edges",
            data: { ...each, source: each.subject, target: each.object },
            classes: each.ended ? "ended" : "",
        })),
    ];

    const colour = (name) => {
        // Canvas knows no variables, nor every way in which a theme writes colours.
        const probe = document.createElement("span");
        probe.style.color = `var(${name})`;
        box.append(probe);
        const context = document.createElement("canvas").getContext("2d");
        context.fillStyle = getComputedStyle(probe).color;
        probe.remove();
        context.fillRect(0, 0, 1, 1);
        const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
        return `rgb(${red}, ${green}, ${blue})`;
    };

    const styles = () => {
        const [text, quiet, card] = ["--memos-strong", "--memos-quiet", "--memos-card"].map(colour);
        const label = { color: text, "font-family": "system-ui, sans-serif", "text-outline-color": card, "text-outline-width": 2 };
        return [
            { selector: "node", style: { ...label, "background-color": "data(colour)", label: "data(label)", width: 18, height: 18,
                "font-size": 13, "text-valign": "bottom", "text-margin-y": 4, "text-wrap": "wrap", "text-max-width": 120 } },
            { selector: `node[id = "${start}"]`, style: { width: 30, height: 30, "font-weight": "bold", "border-width": 2, "border-color": text } },
            { selector: "edge", style: { ...label, color: quiet, label: "data(said)", "font-size": 11, width: 1.5, "line-color": quiet,
                "curve-style": "bezier", "target-arrow-shape": "triangle", "target-arrow-color": quiet, "arrow-scale": .8,
                "text-rotation": "autorotate" } },
            { selector: "edge.ended", style: { "line-style": "dashed", opacity: .6 } },
            { selector: ":selected", style: { "overlay-color": text, "overlay-opacity": .12 } },
        ];
    };

    const arrangement = {
        name: "cose", animate: false, randomize: false, padding: 15, idealEdgeLength: () => 75, nodeRepulsion: () => 60000,
        boundingBox: { x1: 0, y1: 0, w: 1.1 * box.clientWidth, h: 1.1 * box.clientHeight },
        nodeOverlap: 20, gravity: 1, numIter: 2000, nodeDimensionsIncludeLabels: true,
    };
    const graph = cytoscape({
        container: box, elements: elements(nodes, edges), style: styles(), minZoom: .2, maxZoom: 3, userZoomingEnabled: false,
        layout: { name: "concentric", concentric: (node) => -node.data("depth"), levelWidth: () => 1, minNodeSpacing: 60 },
    });
    const arrange = () => graph.layout(arrangement).run();
    arrange();

    const told = (edge) => {
        const [subject, object] = [edge.source().data("name"), edge.target().data("name")];
        return `${subject} ${edge.data("said")} ${object}, ${edge.data("when")}`;
    };
    const say = (text) => { status.textContent = text; };

    const tell = (edge) => {
        const line = document.createElement("li");
        if (edge.data("ended")) line.className = "memos-past";
        const link = (node) => {
            const a = document.createElement("a");
            a.className = "memos-link";
            a.href = address(box.dataset.page, node.id());
            a.textContent = node.data("name");
            return a;
        };
        line.append(link(edge.source()), ` ${edge.data("said")} `, link(edge.target()), ` ${edge.data("when")}`);
        list.append(line);
    };

    const expand = async (node) => {
        if (expanded.has(node.id())) return;
        if (graph.nodes().length >= MOST) return say(`No more than ${MOST} entities are drawn.`);
        const answer = await fetch(address(box.dataset.more, node.id()) + window.location.search);
        if (!answer.ok) return say("What is around it could not be loaded.");
        expanded.add(node.id());
        const more = await answer.json();
        const at = node.position();
        const room = MOST - graph.nodes().length;
        const added = more.nodes.filter((each) => graph.getElementById(each.id).empty()).slice(0, room);
        added.forEach((each, number) => {
            const angle = (2 * Math.PI * number) / added.length;
            graph.add({ group: "nodes", data: each, position: { x: at.x + 60 * Math.cos(angle), y: at.y + 60 * Math.sin(angle) } });
        });
        const fresh = more.edges.filter((each) => graph.getElementById(each.id).empty()
            && graph.getElementById(each.subject).nonempty() && graph.getElementById(each.object).nonempty());
        graph.add(elements([], fresh)).forEach(tell);
        if (added.length) arrange();
        say(added.length || fresh.length
            ? `${added.length} more around ${node.data("name")}.`
            : `Nothing more around ${node.data("name")}.`);
    };

    graph.on("onetap", "node", (event) => expand(event.target));
    graph.on("dbltap", "node", (event) => { window.location.href = address(box.dataset.page, event.target.id()); });
    graph.on("tap mouseover", "edge", (event) => say(told(event.target)));
    graph.on("mouseover", "node", (event) => say(`${event.target.data("name")} (${event.target.data("kind")})`));
    const zoom = (factor) => graph.zoom({ level: graph.zoom() * factor, renderedPosition: { x: graph.width() / 2, y: graph.height() / 2 } });
    const acts = { nearer: () => zoom(1.25), farther: () => zoom(.8), fit: () => graph.fit(undefined, 30) };
    document.querySelectorAll("[data-graph]").forEach((button) => {
        button.addEventListener("click", () => acts[button.dataset.graph]());
    });
    new MutationObserver(() => graph.style(styles())).observe(document.documentElement, { attributeFilter: ["class"] });
})();
