/** Milestones for who listens instead of looking; not each tick. */
export const announce = (sentence: string): void => {
  const region = document.getElementById('announcements');
  if (region !== null) region.textContent = sentence;
};
