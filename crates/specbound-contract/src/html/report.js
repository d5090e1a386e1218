'use strict';
{
  const root = document.documentElement;
  const search = document.getElementById('search');
  const theme = document.getElementById('theme');
  const shown = document.getElementById('shown');
  const boxes = [...document.querySelectorAll('.count input')];
  const groups = [...document.querySelectorAll('.group')];
  const findings = [...document.querySelectorAll('.finding')].map((element) => ({
    element, kind: element.dataset.kind, text: element.textContent.toLowerCase(),
  }));

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kinds = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let count = 0;
    for (const { element, kind, text } of findings) {
      const visible = kinds.has(kind) && words.every((word) => text.includes(word));
      element.hidden = !visible;
      count += visible ? 1 : 0;
    }
    for (const group of groups) {
      group.hidden = !group.querySelector('.finding:not([hidden])');
    }
    const all = count === findings.length;
    shown.textContent = all ? '' : `${count} of ${findings.length} findings shown`;
  };

  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : system.matches);
  const label = () => { theme.textContent = isDark() ? 'Light' : 'Dark'; };
  theme.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    label();
  });
  system.addEventListener('change', label);
  search.addEventListener('input', filter);
  boxes.forEach((box) => box.addEventListener('change', filter));
  document.addEventListener('keydown', (event) => {
    if (event.key === '/' && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    }
  });
  // A link to a rule opens it.
  window.addEventListener('hashchange', () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === 'DETAILS') target.open = true;
  });
  document.querySelector('.bar').hidden = false;
  label();
  filter();
}
