"""Is a guider more than classifier-free guidance at another scale?"""
