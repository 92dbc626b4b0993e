"""A page that stands still while its picture is taken."""

from collections.abc import Iterator
from contextlib import contextmanager

from farm.jobs.specs.screenshot import ScreenshotSpec
from tasks.pages.visit import Visit

# Of all elements the one with the focus alone has a caret. Animations that begin while others are
# ended are ended too. Endless ones, and those that go with the scrolling, are taken off.
_STILL = """(hidesCaret, endsAnimations) => {
  const undoing = globalThis.farmUndoing = [];
  if (hidesCaret) {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    if (element?.isContentEditable || element?.matches('input, textarea')) {
      const before = element.getAttribute('style');
      element.style.setProperty('caret-color', 'transparent', 'important');
      undoing.push(() => {
        element.setAttribute('style', before ?? '');  // Chromium removes only what it has written.
        if (before === null) element.removeAttribute('style');
      });
    }
  }
  if (!endsAnimations) return;
  const attempt = action => { try { action(); } catch {} };
  const endless = new Set();
  const roots = [document];
  for (const root of roots)
    for (const element of root.querySelectorAll('*'))
      if (element.shadowRoot) roots.push(element.shadowRoot);
  for (const root of roots) {
    const end = () => {
      for (const animation of root.getAnimations()) {
        if (!animation.effect || animation.playbackRate === 0 || endless.has(animation)) continue;
        if (Number.isFinite(animation.effect.getComputedTiming().endTime)) {
          attempt(() => animation.finish());
        } else {
          endless.add(animation);
          animation.cancel();
        }
      }
    };
    end();
    for (const event of ['transitionrun', 'animationstart']) {
      root.addEventListener(event, end);
      undoing.push(() => root.removeEventListener(event, end));
    }
  }
  undoing.push(() => endless.forEach(animation => attempt(() => animation.play())));
}"""
_MOVE = """() => {
  for (const undo of globalThis.farmUndoing ?? []) undo();
}"""


@contextmanager
def standing_still(visit: Visit, spec: ScreenshotSpec) -> Iterator[None]:
    """Hide the caret and end animations for the block, as ``spec`` wants it.

    In the page's own document and its open shadow trees, but not in frames.
    """
    visit.ask(_STILL, spec.caret == "hide", spec.animations == "disabled")
    yield
    visit.ask(_MOVE)
