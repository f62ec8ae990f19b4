window.cfgsweepPage = () => {};
