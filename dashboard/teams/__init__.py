"""Teams, their members, and the question that every view and socket asks: may this person do that here?"""
